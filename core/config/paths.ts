/**
 * What the path of a model means: an existing path wins, else `owner/name` or a bare `name` is a Hub id. What the path of
 * data means is in io/hub/locate_data.ts.
 * @module
 */
import { join, resolve } from "node:path";
import { DataError } from "../contracts/errors.ts";
import { hubAccess, type HubOptions } from "../io/hub/access.ts";
import { fetchModel } from "../io/hub/fetch_model.ts";
import { kindAt } from "../io/hub/local.ts";
import { nearest } from "./parse/nearest.ts";
import { asReading } from "../io/hub/locate_data.ts";
import { resolveCommit } from "../io/hub/repository.ts";
import { isHubId, repositoryFolder } from "../io/hub/hub_cache.ts";

export { kindAt };

/** Where the files of a model are. */
export interface ResolvedPath {
  /** Absolute: the folder on this disk. */
  readonly path: string;
  /** The repository it is a snapshot of, or null for a path that was given as such. */
  readonly hub: { readonly id: string; readonly commit: string } | null;
}

/** How a path is resolved. */
export interface PathRequest extends HubOptions {
  /** Absolute folder that a relative path starts from. */
  readonly base: string;
  /** Branch, tag or commit of a Hub id; `main` where absent. */
  readonly revision?: string;
}

/**
 * The folder of a model; one of the Hub is downloaded where it is not in the cache. Throws `DataError`
 * that names both readings of the path, `DeviceError` for networks and disks.
 */
export async function resolveModelPath(
  path: string,
  request: PathRequest,
): Promise<ResolvedPath> {
  return await readEither(path, request, async (id, revision) => {
    const { folder, commit } = await fetchModel({ id, revision }, request);
    return { path: folder, hub: { id, commit } };
  });
}

/**
 * {@linkcode resolveModelPath} without the download: the folder of a Hub id may not be there yet. Asks
 * the Hub for the commit where the cache has not noted it.
 */
export async function locateModel(
  path: string,
  request: PathRequest,
): Promise<ResolvedPath> {
  return await readEither(path, request, async (id, revision) => {
    const access = hubAccess(request);
    const commit = await resolveCommit({ id, kind: "model", revision }, access);
    const folder = join(access.cacheDir, repositoryFolder(id, "model"));
    return { path: join(folder, "snapshots", commit), hub: { id, commit } };
  });
}

/** Names of the runs in a folder: beside them, a name that is not there is a slip and no Hub id. */
export async function runsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const settings = join(folder, name, "config.resolved.yaml");
      if (isDirectory && await kindAt(settings) === "file") found.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

async function readEither(
  path: string,
  { base, revision }: PathRequest,
  onHub: (id: string, revision: string) => Promise<ResolvedPath>,
): Promise<ResolvedPath> {
  const absolute = resolve(base, path);
  const kind = await kindAt(absolute);
  if (kind === "file") {
    throw new DataError(
      `The model ${absolute} is a file; give the folder that holds its config.json`,
    );
  }
  if (kind === "folder") return { path: absolute, hub: null };
  if (!isHubId(path)) throw new DataError(`There is no model at ${absolute}`);
  const [parent, name] = path.includes("/") ? path.split("/") : ["", path];
  const runs = parent === "" ? [] : await runsIn(resolve(base, parent));
  if (
    parent === "" && (await runsIn(resolve(base, "outputs"))).includes(name)
  ) {
    throw new DataError(
      `There is no folder ${absolute}; did you mean outputs/${name}?`,
    );
  }
  if (runs.length > 0) {
    const meant = nearest(name, runs);
    throw new DataError(
      `There is no folder ${absolute}${
        meant === null ? "" : `; did you mean ${parent}/${meant}?`
      } (${parent} holds: ${runs.slice(0, 8).join(", ")}${
        runs.length > 8 ? ", ..." : ""
      })`,
    );
  }
  return await asReading(
    `There is no model \`${path}\``,
    absolute,
    () => onHub(path, revision ?? "main"),
  );
}
