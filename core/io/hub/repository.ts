/**
 * A repository of the Hub at one commit: which files it has, how long they are, their checksums.
 * @module
 */
import { join } from "node:path";
import {
  findInHubCache,
  type HubKind,
  isAbsence,
  isHubId,
  repositoryFolder,
} from "./hub_cache.ts";
import { DataError } from "../../contracts/errors.ts";
import type { HubAccess } from "./access.ts";
import { readTextUpTo } from "../read_file.ts";
import { whyUnsafe, writeRef, writeWhole } from "./cache_files.ts";
import type { Asked } from "./failures.ts";
import { isObject } from "../json_file.ts";
import { hubPackage } from "./hub_package.ts";
import type { ListedEntry } from "./hub_questions.ts";
import { apiFetch } from "./request.ts";

/** A file of a repository. */
export interface RemoteFile {
  /** Path within the repository, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the content (64 digits), or git's SHA-1 of small files (40 digits): the name of its blob. */
  readonly checksum: string;
}

/** A repository at one commit. */
export interface Repository {
  /** `owner/name`. */
  readonly id: string;
  /** What it holds. */
  readonly kind: HubKind;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** Its folder in the cache. */
  readonly folder: string;
  /** Every file; null offline, where only what the cache has is known. */
  readonly files: readonly RemoteFile[] | null;
}

/** What is opened. */
export interface RepositoryRequest {
  readonly id: string;
  readonly kind: HubKind;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** What people call a kind of repository. */
export function nounOf(kind: HubKind): string {
  return kind === "model" ? "model" : "data set";
}

/** How errors name a repository. */
export function askedOf(
  { id, kind, revision }: RepositoryRequest,
  access: HubAccess,
  file: string | null = null,
): Asked {
  return {
    repository: `${nounOf(kind)} ${id}`,
    page: `${access.endpoint}/${kind === "dataset" ? "datasets/" : ""}${id}`,
    file,
    revision,
  };
}

/**
 * The commit of a revision: what the cache has noted, else what the Hub says. Throws `DataError`: no such
 * repository or revision, gated, offline and not in the cache.
 */
export async function resolveCommit(
  request: RepositoryRequest,
  access: HubAccess,
): Promise<string> {
  const { id, kind, revision } = request;
  // the cache writes a/b--c and a--b/c to one folder; the Hub has no such names
  if (!isHubId(id) || id.includes("--") || id.length > 96) {
    throw new DataError(`${id} is no Hub id`);
  }
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  if (whyUnsafe(revision) !== null) {
    throw new DataError(
      `The revision ${JSON.stringify(revision)} is no name of a branch or tag`,
    );
  }
  const folder = join(access.cacheDir, repositoryFolder(id, kind));
  const cached = await findInHubCache(id, {
    kind,
    revision,
    cacheDir: access.cacheDir,
  });
  if (cached !== null) return cached.commit;
  if (access.offline) {
    throw new DataError(
      `Revision ${revision} of the ${
        nounOf(kind)
      } ${id} is not in ${access.cacheDir}, and HF_HUB_OFFLINE is set; unset it, or download on a machine with network and copy the folder`,
    );
  }
  const hub = await hubPackage();
  let commit: unknown;
  try {
    commit = await hub.commitOf({
      ...request,
      endpoint: access.endpoint,
      fetch: apiFetch(askedOf(request, access), access),
    });
  } catch (error) {
    throw unreadable(error, request, access);
  }
  if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) {
    throw new DataError(
      `${access.endpoint} gives no commit for revision ${revision} of the ${
        nounOf(kind)
      } ${id} (found ${shown(commit)}); is HF_ENDPOINT a Hub?`,
    );
  }
  await writeRef(folder, revision, commit);
  return commit;
}

/** Resolves the revision and lists the files of its commit: from the cache where they are known. */
export async function openRepository(
  request: RepositoryRequest,
  access: HubAccess,
): Promise<Repository> {
  const { id, kind } = request;
  const commit = await resolveCommit(request, access);
  const name = repositoryFolder(id, kind);
  const listing = join(access.listingsDir, name, `${commit}.json`);
  let files = readListing(listing);
  if (files === null && !access.offline) {
    files = await listFiles({ ...request, revision: commit }, access);
    await writeWhole(
      listing,
      JSON.stringify(files.map((f) => [f.path, f.size, f.checksum])),
    );
  }
  return { id, kind, commit, folder: join(access.cacheDir, name), files };
}

async function listFiles(
  request: RepositoryRequest,
  access: HubAccess,
): Promise<RemoteFile[]> {
  const { id, kind } = request;
  const hub = await hubPackage();
  const files: RemoteFile[] = [];
  const entries = hub.entriesOf({
    ...request,
    endpoint: access.endpoint,
    fetch: apiFetch(askedOf(request, access), access),
  });
  const broken = (entry: unknown) =>
    new DataError(
      `${access.endpoint} lists a broken entry in the ${nounOf(kind)} ${id}: ${
        shown(entry)
      }`,
    );
  const listed = entries[Symbol.asyncIterator]();
  while (true) {
    let next: IteratorResult<ListedEntry>;
    try {
      next = await listed.next();
    } catch (error) {
      throw unreadable(error, request, access);
    }
    if (next.done === true) break;
    const entry = next.value;
    if (!isObject(entry)) throw broken(entry);
    if (entry.type !== "file") continue;
    const file = fileOf(
      entry.path,
      entry.lfs?.size ?? entry.size,
      entry.lfs?.oid ?? entry.oid,
    );
    if (file === null) throw broken(entry);
    // git has no such paths: somebody wants to write elsewhere
    if (/(^|\/)(\.{0,2})(\/|$)|\0/.test(file.path)) {
      throw new DataError(
        `The ${nounOf(kind)} ${id} lists a file ${
          JSON.stringify(file.path)
        }, which leads out of its folder; it is not safe to use`,
      );
    }
    files.push(file);
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** An answer that the Hub's package trips over is the server's fault: it expects the Hub's own. */
function unreadable(
  error: unknown,
  { id, kind }: RepositoryRequest,
  access: HubAccess,
): unknown {
  const isTripped = error instanceof TypeError || error instanceof RangeError ||
    error instanceof SyntaxError;
  if (!isTripped || access.signal?.aborted) return error;
  return new DataError(
    `${access.endpoint} gives an answer about the ${
      nounOf(kind)
    } ${id} that cannot be read; is HF_ENDPOINT a Hub?`,
    { cause: error },
  );
}

/** The beginning of a value, as JSON. */
function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? "nothing").slice(0, 200);
  } catch {
    return "a value that is nested too deep";
  }
}

function fileOf(
  path: unknown,
  size: unknown,
  checksum: unknown,
): RemoteFile | null {
  return typeof path === "string" && typeof size === "number" &&
      Number.isSafeInteger(size) && size >= 0 && typeof checksum === "string" &&
      /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(checksum)
    ? { path, size, checksum }
    : null;
}

/** Bytes of a list of files at most: of some million files. */
const MOST_LISTING_BYTES = 256e6;

function readListing(path: string): RemoteFile[] | null {
  let text: string;
  try {
    text = readTextUpTo(path, MOST_LISTING_BYTES);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
  try {
    const rows: unknown = JSON.parse(text);
    if (!Array.isArray(rows)) return null;
    const files = rows.map((row) =>
      Array.isArray(row) ? fileOf(row[0], row[1], row[2]) : null
    );
    return files.some((f) => f === null)
      ? null
      : files.filter((f) => f !== null);
  } catch {
    return null; // damaged: made again
  }
}
