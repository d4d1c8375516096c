/**
 * What the user has trusted: a line of JSON for each plugin and hash, `trusted_plugins.jsonl` in the config folder.
 *
 * ```json
 * {"plugin":"npm:@acme/maskers@^1","version":"1.2.3","hash":"sha256-9f86d081...","since":"2026-11-22T01:06:23.000Z"}
 * ```
 *
 * A decision is appended by one write, so that two processes lose none of each other's; a line that was cut short or
 * changed by hand is no decision, and its plugin is asked about again.
 * @module
 */
import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import { configFolder } from "./config_folder.ts";
import { readTextUpTo } from "../../io/read_file.ts";
import { isGranted } from "../../permissions.ts";

const NAME = "trusted_plugins.jsonl";
/** Bytes of the file at most: some hundred thousand decisions. */
const MOST_BYTES = 50e6;

/** A decision. */
export interface Remembered {
  /** As it was named: the package or address, or the absolute path of the file. */
  readonly plugin: string;
  readonly version: string | null;
  readonly hash: string;
  /** When it was made, ISO 8601. */
  readonly since: string;
}

/** The file of the decisions. */
export function rememberedPath(folder: string): string {
  return join(folder, NAME);
}

/** Every decision, the oldest first; none where there is no folder, or it may not be read. */
export function readRemembered(folder: string | null): Remembered[] {
  if (folder === null) return [];
  const path = rememberedPath(folder);
  if (!isGranted({ name: "read", path })) return [];
  let text: string;
  try {
    text = readTextUpTo(path, MOST_BYTES);
  } catch {
    return []; // nothing was trusted yet, or it cannot be known: plugins are asked about again
  }
  return text.split("\n").flatMap((line) => {
    const found = parsed(line);
    return found === null ? [] : [found];
  });
}

/** Whether a plugin of that name was trusted before, with whatever code. */
export function isKnown(
  specifier: string,
  folder: string | null = configFolder(),
): boolean {
  return readRemembered(folder).some(({ plugin }) => plugin === specifier);
}

/** Adds a decision. Returns why it could not be written, as the end of a sentence; null where it was. */
export function remember(
  decision: Remembered,
  folder: string | null,
): string | null {
  if (folder === null) {
    return "no config folder is known (set XDG_CONFIG_HOME or HOME)";
  }
  const path = rememberedPath(folder);
  for (const name of ["read", "write"] as const) {
    if (!isGranted({ name, path: folder })) {
      return `this process may not ${name} ${folder} (add --allow-${name}=${folder})`;
    }
  }
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    // what a killed process left of a line is ended first
    Deno.writeTextFileSync(
      path,
      `${endsInALine(path) ? "" : "\n"}${JSON.stringify(decision)}\n`,
      { append: true, mode: 0o600 },
    );
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function endsInALine(path: string): boolean {
  try {
    const text = readTextUpTo(path, MOST_BYTES);
    return text === "" || text.endsWith("\n");
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function parsed(line: string): Remembered | null {
  let found: unknown;
  try {
    found = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof found !== "object" || found === null) return null;
  const { plugin, version = null, hash, since } = found as Record<
    string,
    unknown
  >;
  return typeof plugin === "string" && typeof since === "string" &&
      typeof hash === "string" && /^sha256-[0-9a-f]{64}$/.test(hash) &&
      (version === null || typeof version === "string")
    ? { plugin, version, hash, since }
    : null;
}
