/**
 * How the Hub is reached: the settings that its users know, and what a program adds to them.
 * @module
 */
import { join } from "node:path";
import { cacheFolder } from "../cache_folder.ts";
import { type Environment, hubCacheFolder } from "./hub_cache.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { environmentVariable } from "../../permissions.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** `owner/name/path`. */
  readonly file: string;
  /** Bytes that are on this disk. */
  readonly done: number;
  /** Bytes of the file. */
  readonly total: number;
}

/** What a program adds to the environment's settings. */
export interface HubOptions {
  /** The environment; that of the process where absent. */
  readonly env?: Environment;
  /** Stops downloads; what has arrived stays and is gone on with. */
  readonly signal?: AbortSignal;
  /** Called a few times a second for each file that is being downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Tries without any progress before a request is given up (default 6). */
  readonly attempts?: number;
  /** Wait before the second try, doubled with each (default 500 ms). */
  readonly backoffMs?: number;
  /** A connection that brings nothing for so long is cut and made anew (default 20 s). */
  readonly stallMs?: number;
  /** Time without progress, over all tries, after which a file is given up (default 60 s). */
  readonly patienceMs?: number;
  /** Longest `Retry-After` that is waited for (default 5 minutes). */
  readonly maxWaitMs?: number;
}

/** {@linkcode HubOptions} and the environment, resolved. */
export interface HubAccess {
  /** `https://huggingface.co`, or `HF_ENDPOINT`; no slash at its end. */
  readonly endpoint: string;
  /** `HF_TOKEN`, or what `hf auth login` wrote; null without one. */
  readonly token: string | null;
  /** Folder of `models--owner--name` and the like. */
  readonly cacheDir: string;
  /** Folder for the file lists of commits. */
  readonly listingsDir: string;
  /** `HF_HUB_OFFLINE`: nothing is asked of the network. */
  readonly offline: boolean;
  /** Stops downloads. */
  readonly signal: AbortSignal | undefined;
  /** Receives the progress of downloads. */
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Tries without any progress. */
  readonly attempts: number;
  /** Wait before the second try. */
  readonly backoffMs: number;
  /** Longest silence of a connection. */
  readonly stallMs: number;
  /** Longest time without progress, over all tries. */
  readonly patienceMs: number;
  /** Longest `Retry-After` that is waited for. */
  readonly maxWaitMs: number;
}

/** Reads the settings. Throws `ConfigError` where `HF_ENDPOINT` is no address. */
export function hubAccess(options: HubOptions = {}): HubAccess {
  const env = options.env ?? environmentVariable;
  return {
    endpoint: endpointOf(env("HF_ENDPOINT")),
    token: tokenOf(env),
    cacheDir: hubCacheFolder(env),
    listingsDir: join(cacheFolder(env), "hub"),
    offline: /^(1|on|yes|true)$/i.test(env("HF_HUB_OFFLINE") ?? ""),
    signal: options.signal,
    onProgress: options.onProgress ?? (() => {}),
    attempts: options.attempts ?? 6,
    backoffMs: options.backoffMs ?? 500,
    stallMs: options.stallMs ?? 20_000,
    patienceMs: options.patienceMs ?? 60_000,
    maxWaitMs: options.maxWaitMs ?? 300_000,
  };
}

function endpointOf(written: string | undefined): string {
  if (!written) return "https://huggingface.co";
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `HF_ENDPOINT is ${
        JSON.stringify(written)
      }; expected an address such as https://huggingface.co`,
    );
  }
  return written.replace(/\/+$/, "");
}

function tokenOf(env: Environment): string | null {
  const own = (env("HF_TOKEN") ?? env("HUGGING_FACE_HUB_TOKEN") ?? "").trim();
  if (own !== "") return own;
  const home = env("HF_HOME") || join(
    env("XDG_CACHE_HOME") ||
      join(env("HOME") ?? env("USERPROFILE") ?? ".", ".cache"),
    "huggingface",
  );
  try {
    const text = Deno.readTextFileSync(
      env("HF_TOKEN_PATH") || join(home, "token"),
    ).trim();
    return text === "" ? null : text;
  } catch {
    return null; // nobody has logged in, or not for us to read: public repositories need no token
  }
}
