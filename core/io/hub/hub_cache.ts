/**
 * Looks for what is already in the Hugging Face cache of this machine. Reads only.
 *
 * ```text
 * HF_HOME/hub/models--owner--name/refs/main             a commit
 * HF_HOME/hub/models--owner--name/snapshots/<commit>/   the files
 * ```
 * @module
 */
import { join } from "node:path";
import { readTextUpTo } from "../read_file.ts";

/** What a Hub id names. */
export type HubKind = "model" | "dataset";

/** A Hub repository found in the cache. */
export interface CachedSnapshot {
  /** Absolute folder of the files. */
  readonly folder: string;
  /** The commit, 40 hexadecimal digits. */
  readonly commit: string;
}

/** Reads an environment variable. */
export type Environment = (name: string) => string | undefined;

/**
 * Whether a text may be a Hub id: `owner/name`, or the bare name of one of the Hub's first repositories (`gpt2`,
 * `squad`). None of those has a dot, and names of files have one.
 */
export function isHubId(text: string): boolean {
  return /^([A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*|[A-Za-z0-9][A-Za-z0-9_-]*)$/
    .test(text) && !text.includes("..");
}

/** The cache's folder: `HF_HUB_CACHE` (or its older name), else `HF_HOME/hub`, else `~/.cache/huggingface/hub`. */
export function hubCacheFolder(env: Environment): string {
  const own = env("HF_HUB_CACHE") || env("HUGGINGFACE_HUB_CACHE");
  if (own) return own;
  const home = env("HF_HOME");
  if (home) return join(home, "hub");
  const cache = env("XDG_CACHE_HOME") ||
    join(env("HOME") ?? env("USERPROFILE") ?? ".", ".cache");
  return join(cache, "huggingface", "hub");
}

/** Name of a repository's folder in the cache: `models--owner--name`, `models--gpt2`. */
export function repositoryFolder(id: string, kind: HubKind): string {
  return `${kind}s--${id.replace("/", "--")}`;
}

/** The snapshot of a revision (branch, tag or commit), or null where it is not in the cache. */
export async function findInHubCache(
  id: string,
  options: { kind: HubKind; revision: string; cacheDir: string },
): Promise<CachedSnapshot | null> {
  const { kind, revision, cacheDir } = options;
  if (
    revision.split("/").some((step) =>
      step === "" || step === "." || step === ".."
    )
  ) return null;
  const repository = join(cacheDir, repositoryFolder(id, kind));
  const commit = readCommit(join(repository, "refs", revision)) ??
    (isCommit(revision) ? revision : null);
  if (commit === null) return null;
  const folder = join(repository, "snapshots", commit);
  return await isFolder(folder) ? { folder, commit } : null;
}

function readCommit(file: string): string | null {
  try {
    const text = (readTextUpTo(file, 1000)).trim();
    return isCommit(text) ? text : null;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Whether an error says that there is nothing at a path. */
export function isAbsence(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}
