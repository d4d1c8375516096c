/**
 * The user's own settings of trust, `trust.yaml` in the config folder: what is trusted without a question, and what
 * becomes of other plugins. denotune never writes it. Without `untrusted_plugins`, the list alone may be written.
 *
 * ```yaml
 * untrusted_plugins: isolate       # ask, the default: isolate nothing
 * trusted:
 *   - npm:@acme/                   # every package of a scope
 *   - npm:@acme/maskers@1          # version 1 and what is compatible with it
 *   - https://acme.dev/plugins/    # everything below an address
 *   - /home/me/plugins             # everything in a folder
 *   - sha256-9f86d08188...         # this code, wherever it is
 * ```
 * @module
 */
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, messageOf } from "../../contracts/errors.ts";
import { readTextUpTo } from "../../io/read_file.ts";
import { isGranted } from "../../permissions.ts";
import { isRemote } from "../parts/remote_plugin.ts";
import { show } from "../parse/problem.ts";
import { inside, type Tree } from "../parse/tree.ts";
import { parseYaml } from "../parse/yaml.ts";
import type { UntrustedPlugins } from "../types.ts";
import { isWithin } from "./own_folder.ts";

const NAME = "trust.yaml";
/** Bytes of the list at most. */
const MOST_BYTES = 1e6;
const HASH = /^sha256-[0-9a-f]{64}$/;

/** The file of the list. */
export function trustedListPath(folder: string): string {
  return join(folder, NAME);
}

/** What the file says. */
export interface TrustSettings {
  /** What is trusted without a question. */
  readonly trusted: readonly string[];
  /** What becomes of other plugins; null where it is not said. */
  readonly untrusted: UntrustedPlugins | null;
}

const NOTHING: TrustSettings = { trusted: [], untrusted: null };

/** What may become of plugins that are not trusted. */
export const UNTRUSTED_PLUGINS: readonly UntrustedPlugins[] = [
  "ask",
  "isolate",
];

/** Whether a value is one of {@linkcode UNTRUSTED_PLUGINS}. */
export function isUntrustedPlugins(value: unknown): value is UntrustedPlugins {
  return UNTRUSTED_PLUGINS.some((one) => one === value);
}

/** The entries of the list; none where there is no list or no folder. Throws as {@linkcode readTrustSettings}. */
export function readTrustedList(folder: string | null): readonly string[] {
  return readTrustSettings(folder).trusted;
}

/**
 * The settings; nothing where there is no file or no folder. Throws `ConfigError` where they cannot be read: a file
 * that is broken trusts nothing, and its owner should know.
 */
export function readTrustSettings(folder: string | null): TrustSettings {
  if (folder === null) return NOTHING;
  const path = trustedListPath(folder);
  if (!isGranted({ name: "read", path })) return NOTHING;
  let text: string;
  try {
    text = readTextUpTo(path, MOST_BYTES);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return NOTHING;
    throw new ConfigError(
      `Cannot read the list of trusted plugins ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const tree = parseYaml(text, { place: path, base: folder, lines: true });
  if (tree === null || isNothing(tree)) return NOTHING;
  const isMap = tree.type === "map" &&
    [...tree.entries.keys()].every((key) =>
      ["trusted", "untrusted_plugins"].includes(key)
    );
  const list = isMap ? inside(tree, "trusted") : tree;
  const untrusted = isMap ? inside(tree, "untrusted_plugins") : undefined;
  return {
    trusted: list === undefined || (isMap && isNothing(list))
      ? []
      : entriesOf(list, path),
    untrusted: untrusted === undefined ? null : untrustedOf(untrusted),
  };
}

function isNothing(tree: Tree): boolean {
  return tree.type === "leaf" && tree.value === null;
}

function untrustedOf(tree: Tree): UntrustedPlugins {
  const value = tree.type === "leaf" ? tree.value : undefined;
  if (isUntrustedPlugins(value)) return value;
  throw new ConfigError(
    `${tree.origin.place}: untrusted_plugins is ${
      UNTRUSTED_PLUGINS.join(" or ")
    }; found ${tree.type === "leaf" ? show(value) : `a ${tree.type}`}`,
  );
}

function entriesOf(tree: Tree, path: string): readonly string[] {
  if (tree.type !== "list") {
    throw new ConfigError(
      `${path}: expected a list of specifiers and hashes, a line each (- npm:@acme/), or the keys trusted, with such a list, and untrusted_plugins`,
    );
  }
  return tree.items.map((item) => {
    const value = item.type === "leaf" ? item.value : undefined;
    if (typeof value === "string" && isEntry(value)) return value;
    throw new ConfigError(
      `${item.origin.place}: expected npm:, jsr: or https: and a name, an absolute path, or sha256- and 64 digits; found ${
        typeof value === "string" ? value : "another value"
      }`,
    );
  });
}

/** The first entry that names a plugin; null: none does. `specifier`: an absolute path for a file. */
export function entryFor(
  { specifier, version, hash }: {
    readonly specifier: string;
    /** What a package was resolved to; null for what is none. */
    readonly version: string | null;
    readonly hash: string | null;
  },
  entries: readonly string[],
): string | null {
  return entries.find((entry) =>
    HASH.test(entry)
      ? entry === hash
      : isRemote(specifier)
      ? isRemote(entry) && isBelow(normal(specifier, version), normal(entry))
      : !isRemote(entry) && isWithinPath(specifier, entry)
  ) ?? null;
}

/** Whether a text can be an entry: anything else is a slip, and would trust nothing without a word. */
function isEntry(entry: string): boolean {
  if (HASH.test(entry)) return true;
  if (/^https:/i.test(entry)) return URL.canParse(entry);
  return /^(npm|jsr):\/?@?[\w-]/i.test(entry) || entry.startsWith("file:") ||
    isAbsolute(entry);
}

function isWithinPath(file: string, entry: string): boolean {
  const path = entry.startsWith("file:") ? fileURLToPath(entry) : entry;
  return sameFile(file, path) || isWithin(file, path);
}

function sameFile(one: string, other: string): boolean {
  try {
    return Deno.realPathSync(one) === Deno.realPathSync(other);
  } catch {
    return false;
  }
}

/**
 * Whether a specifier is what an entry names: the same, or longer where a name or a version ends. `npm:x` is not
 * `npm:xyz`, `npm:x@1` not `npm:x@10`, `https://acme.dev` not `https://acme.dev.example.org`.
 */
function isBelow(specifier: string, entry: string): boolean {
  if (!specifier.startsWith(entry)) return false;
  const rest = specifier.slice(entry.length);
  if (rest === "" || /^[/?#]/.test(rest) || entry.endsWith("/")) return true;
  if (entry.startsWith("https:")) return false;
  const isVersioned = /.@[^/@]+$/.test(entry.replace(/^\w+:@?/, "x"));
  return isVersioned ? rest.startsWith(".") : rest.startsWith("@");
}

/** Ways to write the same specifier made one; a range of versions becomes the version that it was resolved to. */
function normal(specifier: string, version: string | null = null): string {
  if (/^https:/i.test(specifier)) return new URL(specifier).href;
  const [, scheme = "", name = "", written = "", path = ""] =
    /^(npm|jsr):\/?((?:@[^/]*\/)?[^/@]*)(@[^/]*)?(.*)$/i.exec(specifier) ?? [];
  const at = version === null ? written : `@${version}`;
  return `${scheme.toLowerCase()}:${name}${at}${path}`;
}
