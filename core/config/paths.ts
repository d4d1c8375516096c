/**
 * What the path of a model or of data means: an existing path wins, else `owner/name` is a Hub id.
 * @module
 */
import { resolve } from "node:path";
import { DataError } from "../errors.ts";
import {
  type Environment,
  findInHubCache,
  hubCacheFolder,
  type HubKind,
  isAbsence,
  isHubId,
} from "./hub_cache.ts";

/** Where the files of a model or of data are. */
export interface ResolvedPath {
  /** Absolute: the file or folder on this disk. */
  readonly path: string;
  /** The repository it is a snapshot of, or null for a path that was given as such. */
  readonly hub: { readonly id: string; readonly commit: string } | null;
}

/** How a path is resolved. */
export interface PathRequest {
  /** Absolute folder that a relative path starts from. */
  readonly base: string;
  /** Branch, tag or commit of a Hub id; `main` where absent. */
  readonly revision?: string;
  /** The environment; that of the process where absent. */
  readonly env?: Environment;
}

/** The folder of a model. Throws `DataError` that names both readings of the path. */
export async function resolveModelPath(
  path: string,
  request: PathRequest,
): Promise<ResolvedPath> {
  const found = await resolveEither(path, "model", request);
  if (!(await Deno.stat(found.path)).isDirectory) {
    throw new DataError(
      `The model ${found.path} is a file; give the folder that holds its config.json`,
    );
  }
  if (
    found.hub !== null &&
    await kindAt(resolve(found.path, "config.json")) === null
  ) {
    throw new DataError(
      `The model ${found.hub.id} is in the cache only in part: ${found.path} has no config.json; fetch it again with \`${
        fetching(path, "model", request)
      }\``,
    );
  }
  return found;
}

/** The file or folder of a data set. Throws `DataError` that names both readings of the path. */
export function resolveDataPath(
  path: string,
  request: PathRequest,
): Promise<ResolvedPath> {
  return resolveEither(path, "dataset", request);
}

/** What is at a path: null where there is nothing. */
export async function kindAt(path: string): Promise<"file" | "folder" | null> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

async function resolveEither(
  path: string,
  kind: HubKind,
  request: PathRequest,
): Promise<ResolvedPath> {
  const absolute = resolve(request.base, path);
  if (await kindAt(absolute) !== null) return { path: absolute, hub: null };
  const what = kind === "model" ? "model" : "data set";
  if (!isHubId(path)) throw new DataError(`There is no ${what} at ${absolute}`);
  const env = request.env ?? ((name) => Deno.env.get(name));
  const revision = request.revision ?? "main";
  const cached = await findInHubCache(path, { kind, revision, env });
  if (cached !== null) {
    return { path: cached.folder, hub: { id: path, commit: cached.commit } };
  }
  // what ends like a data file was hardly meant as a Hub id
  const looksLikeFile = /\.(jsonl?|csv|tsv|txt|parquet|gz|zst)$/i.test(path);
  const way = looksLikeFile
    ? ""
    : `; fetch it, e.g. with \`${
      fetching(path, kind, request)
    }\`, or give the folder`;
  throw new DataError(
    `There is no ${what} \`${path}\`: as a path, ${absolute} does not exist; as a Hub id, revision ${revision} is not downloaded (looked in ${
      hubCacheFolder(env)
    })${way}`,
  );
}

function fetching(id: string, kind: HubKind, request: PathRequest): string {
  const repository = kind === "dataset" ? " --repo-type dataset" : "";
  const revision = request.revision === undefined || request.revision === "main"
    ? ""
    : ` --revision ${request.revision}`;
  return `huggingface-cli download ${id}${repository}${revision}`;
}
