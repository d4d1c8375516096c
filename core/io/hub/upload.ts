/**
 * Sends files to a repository of the Hub, in one commit. What the repository has already, by its hash, is not sent
 * again, nor is a large file that arrived before an upload was cut.
 * @module
 */
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import { permissionError } from "../../permissions.ts";
import { type HubAccess, hubAccess, type HubOptions } from "./access.ts";
import { type UploadPackage, uploadPackage } from "./hub_package.ts";

/** A file to send. */
export interface FileToUpload {
  /** Its path in the repository. */
  readonly path: string;
  /** Its content, or the absolute path of a file that has it. */
  readonly content: { readonly text: string } | { readonly file: string };
}

/** What is sent, and where. */
export interface UploadRequest {
  /** `owner/name` */
  readonly id: string;
  /** What the repository is to have. */
  readonly files: readonly FileToUpload[];
  /** Whether a repository that is made is private. */
  readonly isPrivate: boolean;
  /** First line of the commit's message. */
  readonly title: string;
  /**
   * Whether the model card of a repository that is there says that it is the same model; others are not written over.
   * Null: whatever is there is written over.
   */
  readonly isOwn: ((card: string) => boolean) | null;
  /** Receives what is being done. */
  readonly onProgress?: (task: string) => void;
}

/** What was sent. */
export interface Uploaded {
  /** Address of the repository. */
  readonly url: string;
  /** Paths that were sent. */
  readonly sent: readonly string[];
  /** Paths that were there already. */
  readonly present: readonly string[];
  /** The commit; null: nothing had changed. */
  readonly commit: string | null;
}

/** Sends the files. Throws `ConfigError` or `DataError` that say what to change. */
export async function uploadFiles(
  request: UploadRequest,
  options: HubOptions = {},
): Promise<Uploaded> {
  const { id, onProgress } = request;
  const access = hubAccess(options);
  if (access.offline) {
    throw new ConfigError(
      `Cannot push to ${id}: HF_HUB_OFFLINE is set; unset it, or look at what would be sent with --dry-run`,
    );
  }
  if (access.token === null) {
    throw new ConfigError(
      `Cannot push to ${id} without a token: make one that may write at ${access.endpoint}/settings/tokens, and set HF_TOKEN to it (or run \`hf auth login\`)`,
    );
  }
  if (!access.token.startsWith("hf_")) {
    throw new ConfigError(
      `Cannot push to ${id}: the token in HF_TOKEN is none of the Hub's, which begin with hf_`,
    );
  }
  const url = `${access.endpoint}/${id}`;
  const hub = await uploadPackage({
    id,
    endpoint: access.endpoint,
    token: access.token,
    fetch: patient(access),
    signal: access.signal,
  });
  return await said(request, access, async () => {
    onProgress?.("looking at the repository");
    const isNew = await hub.create(request.isPrivate);
    const remote = isNew ? new Map<string, string>() : await hub.hashes();
    if (!isNew) await refuseOthers(request, { hub, remote });
    const sent: FileToUpload[] = [];
    const present: string[] = [];
    for (const file of request.files) {
      access.signal?.throwIfAborted();
      onProgress?.(`hashing ${file.path}`);
      const hash = remote.get(file.path);
      if (hash !== undefined && await hasHash(file, hash)) {
        present.push(file.path);
      } else sent.push(file);
    }
    const names = sent.map(({ path }) => path);
    if (sent.length === 0) return { url, sent: [], present, commit: null };
    onProgress?.(`sending ${sent.length} files`);
    const commit = await hub.commit({
      title: request.title,
      files: sent.map(({ path, content }) => ({
        path,
        content: "text" in content
          ? new Blob([content.text])
          : pathToFileURL(content.file),
      })),
    });
    return { url, sent: names, present, commit };
  });
}

/** Refuses a repository that holds another model, and a public one where a private one was asked for. */
async function refuseOthers(
  { id, isPrivate, isOwn }: UploadRequest,
  { hub, remote }: {
    readonly hub: UploadPackage;
    readonly remote: ReadonlyMap<string, string>;
  },
): Promise<void> {
  if (isPrivate && !await hub.isPrivate()) {
    throw new ConfigError(
      `Cannot push to ${id} with --private: the repository is there and is public; make it private on its settings page, or choose another name`,
    );
  }
  const names = [...remote.keys()].filter((name) => name !== ".gitattributes");
  if (isOwn === null || names.length === 0) return;
  const card = remote.has("README.md") ? await hub.text("README.md") : "";
  if (isOwn(card)) return;
  throw new ConfigError(
    `Cannot push to ${id}: the name is taken by a repository that holds something else (${
      names.slice(0, 5).join(", ")
    }${
      names.length > 5 ? ", ..." : ""
    }); choose another name, or write over it with --force`,
  );
}

/** Whether a file has a hash of the Hub: SHA-256 of a large file, SHA-1 as git computes it of others. */
async function hasHash(
  { content }: FileToUpload,
  hash: string,
): Promise<boolean> {
  const isLarge = hash.length === 64;
  const found = createHash(isLarge ? "sha256" : "sha1");
  if ("text" in content) {
    const bytes = new TextEncoder().encode(content.text);
    if (!isLarge) found.update(`blob ${bytes.length}\0`);
    return found.update(bytes).digest("hex") === hash;
  }
  using file = await Deno.open(content.file);
  if (!isLarge) found.update(`blob ${(await file.stat()).size}\0`);
  const chunk = new Uint8Array(4 * 2 ** 20);
  for (let n = await file.read(chunk); n !== null; n = await file.read(chunk)) {
    found.update(chunk.subarray(0, n));
  }
  return found.digest("hex") === hash;
}

/** `fetch` that tries again what may pass: a network that is down for a moment, a server that is busy. */
function patient(access: HubAccess): typeof fetch {
  return async (input, init) => {
    for (let attempt = 1;; attempt++) {
      access.signal?.throwIfAborted();
      const isLast = attempt >= access.attempts;
      try {
        const response = await fetch(input, init);
        const passes = response.status === 429 || response.status >= 500;
        if (!passes || isLast) return response;
        await response.body?.cancel();
      } catch (error) {
        if (isLast || access.signal?.aborted) throw error;
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
      const ms = access.backoffMs * 2 ** (attempt - 1);
      await new Promise((done) => setTimeout(done, Math.min(ms, 10_000)));
    }
  };
}

/** Runs `work`; what the Hub and the network answer is said to people. */
async function said<T>(
  { id }: UploadRequest,
  access: HubAccess,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    access.signal?.throwIfAborted();
    const status = statusOf(error);
    const [owner] = id.split("/");
    const cause = { cause: error };
    const what = `Cannot push to ${id}`;
    if (status === 401) {
      throw new ConfigError(
        `${what}: the Hub (${access.endpoint}) does not accept the token in HF_TOKEN (401); make another one that may write at ${access.endpoint}/settings/tokens`,
        cause,
      );
    }
    if (status === 403) {
      throw new ConfigError(
        `${what}: the token in HF_TOKEN may not write there (403); it needs the right to write, and its account must be ${owner} or belong to it`,
        cause,
      );
    }
    if (status === 404) {
      throw new ConfigError(
        `${what}: the Hub (${access.endpoint}) knows no such repository or account (404); check the name ${owner}, and that HF_TOKEN may see it`,
        cause,
      );
    }
    if (status !== null) {
      throw new DataError(
        `${what}: the Hub (${access.endpoint}) answered ${status} (${
          error instanceof Error ? error.message.slice(0, 200) : ""
        }); what arrived is kept: run the same command again to send the rest`,
        cause,
      );
    }
    const forbidden = permissionError(`push to ${id}`, error);
    if (forbidden !== null) throw forbidden;
    if (error instanceof TypeError) {
      throw new DataError(
        `${what}: ${access.endpoint} cannot be reached (${error.message}); what arrived is kept: run the same command again to send the rest`,
        cause,
      );
    }
    throw error;
  }
}

function statusOf(error: unknown): number | null {
  return error instanceof Error && "statusCode" in error &&
      typeof error.statusCode === "number"
    ? error.statusCode
    : null;
}
