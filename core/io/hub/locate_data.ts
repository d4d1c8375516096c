/**
 * Where the rows of a run's entry are: a file, a folder, a pattern, or a data set of the Hub. Planning asks
 * for lists and the card only; {@linkcode fetchData} brings the files.
 * @module
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { isHubId } from "./hub_cache.ts";
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import { type HubAccess, hubAccess, type HubOptions } from "./access.ts";
import { globMatcher, isPattern } from "./dataset/glob.ts";
import {
  type DataChoice,
  type DataPlan,
  planData,
  type PlannedPart,
} from "./dataset/plan.ts";
import { fetchFiles, snapshotFolder } from "./fetch_files.ts";
import { readTextUpTo } from "../read_file.ts";
import { kindAt } from "./local.ts";
import { openRepository, type Repository } from "./repository.ts";

/** Bytes of a data set's README.md at most. */
const MOST_CARD_BYTES = 10e6;

/** What an entry of a run says. */
export interface DataRequest extends DataChoice {
  /** As written: an existing path wins, else a pattern, else a Hub id. */
  readonly path: string;
  /** Absolute folder that a relative path starts from. */
  readonly base: string;
  /** Branch, tag or commit of a Hub id. */
  readonly revision: string;
}

/** An entry's files, found and planned. */
export interface LocatedData {
  /** What the path is. */
  readonly kind: "file" | "folder" | "pattern" | "hub";
  /** Absolute, or the Hub id. */
  readonly path: string;
  /** Id and commit of a data set of the Hub. */
  readonly hub: { readonly id: string; readonly commit: string } | null;
  /** Which files are read, relative to `root`. */
  readonly plan: DataPlan;
  /** Absolute folder of the files; of the Hub: where they will be. */
  readonly root: string;
  /** Of the Hub, where its files are listed: what must be fetched. */
  readonly repository: Repository | null;
}

/** Finds what an entry means. Throws `DataError` that names what there is. */
export async function locateData(
  request: DataRequest,
  options: HubOptions = {},
): Promise<LocatedData> {
  const absolute = resolve(request.base, request.path);
  const kind = await kindAt(absolute);
  if (kind === "file") {
    return local("file", absolute, dirname(absolute), {
      parts: [{ split: "train", files: [basename(absolute)], slice: null }],
      notices: [],
    });
  }
  if (kind === "folder") {
    const paths = await filesBelow(absolute);
    const plan = planData({
      label: `The folder ${absolute}`,
      name: basename(absolute),
      paths,
      card: await readLocalCard(absolute, paths),
    }, request);
    return local("folder", absolute, absolute, plan);
  }
  if (isPattern(request.path)) return await locatePattern(absolute);
  const access = hubAccess(options);
  return await locateOnHub(request, absolute, access);
}

/** One part with absolute paths, all of them on this disk. */
export interface DataPart extends PlannedPart {
  /** Absolute. */
  readonly files: readonly string[];
}

/** Brings the files of an entry here, where they are not, and gives their absolute paths. */
export async function fetchData(
  located: LocatedData,
  options: HubOptions = {},
): Promise<DataPart[]> {
  const { plan, repository, root } = located;
  if (repository !== null) {
    const wanted = new Set(plan.parts.flatMap((p) => p.files));
    await fetchFiles(
      repository,
      repository.files?.filter((f) => wanted.has(f.path)) ?? [],
      hubAccess(options),
    );
  }
  return plan.parts.map((part) => ({
    ...part,
    files: part.files.map((file) => join(root, file)),
  }));
}

function local(
  kind: "file" | "folder" | "pattern",
  path: string,
  root: string,
  plan: DataPlan,
): LocatedData {
  return { kind, path, hub: null, plan, root, repository: null };
}

async function locatePattern(absolute: string): Promise<LocatedData> {
  const steps = absolute.split(/[/\\]/);
  const first = steps.findIndex(isPattern);
  const root = steps.slice(0, first).join("/") || "/";
  const pattern = steps.slice(first).join("/");
  if (await kindAt(root) !== "folder") {
    throw new DataError(`No file fits ${absolute}: there is no folder ${root}`);
  }
  const matches = globMatcher(pattern);
  const depth = pattern.includes("**") ? Infinity : steps.length - first;
  const files = (await filesBelow(root, depth)).filter((path) =>
    matches(path) &&
    (!/(^|\/)\./.test(path) || /(^|\/)\./.test(pattern))
  );
  if (files.length === 0) throw new DataError(`No file fits ${absolute}`);
  return local("pattern", absolute, root, {
    parts: [{ split: "train", files, slice: null }],
    notices: [],
  });
}

async function locateOnHub(
  request: DataRequest,
  absolute: string,
  access: HubAccess,
): Promise<LocatedData> {
  const { path: id, revision } = request;
  if (!isHubId(id)) throw new DataError(`There is no data set at ${absolute}`);
  // what ends like a data file was hardly meant as a Hub id
  if (/\.(jsonl?|csv|tsv|txt|parquet|gz|zst)$/i.test(id)) {
    throw new DataError(
      `There is no data set \`${id}\`: ${absolute} does not exist`,
    );
  }
  const repository = await asReading(
    `There is no data set \`${id}\``,
    absolute,
    () => openRepository({ id, kind: "dataset", revision }, access),
  );
  const root = snapshotFolder(repository);
  const { commit, files } = repository;
  const label = `The data set ${id}`;
  const hub = { id, commit };
  const name = id.slice(id.indexOf("/") + 1);
  if (files === null) {
    // offline, and never listed: what the cache has is all that is known
    if (await kindAt(root) !== "folder") {
      throw new DataError(
        `${label} (commit ${
          commit.slice(0, 8)
        }) is not in ${access.cacheDir}, and HF_HUB_OFFLINE is set; unset it, or copy it there`,
      );
    }
    const paths = await filesBelow(root);
    const card = await readLocalCard(root, paths);
    const plan = planData({ label, name, paths, card }, request);
    refuseMissingShards(plan, label, root);
    return { kind: "hub", path: id, hub, plan, root, repository: null };
  }
  const readme = files.find((f) => f.path === "README.md");
  const paths = files.map((f) => f.path);
  if (readme !== undefined) await fetchFiles(repository, [readme], access);
  const card = await readLocalCard(root, paths);
  const plan = planData({ label, name, paths, card }, request);
  return { kind: "hub", path: id, hub, plan, root, repository };
}

/** Runs `work`; an error of the Hub is reported together with the interpretation as a path. */
export async function asReading<T>(
  what: string,
  absolute: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDenotuneError(error) || error.name !== "DataError") throw error;
    throw new DataError(
      `${what}: as a path, ${absolute} does not exist; as a Hub id: ${error.message}`,
      { cause: error },
    );
  }
}

async function readLocalCard(root: string, paths: readonly string[]) {
  if (!paths.includes("README.md")) return [];
  const path = join(root, "README.md");
  // YAML is loaded where it is needed: an import of core does not load it
  const { readCard } = await import("./dataset/card.ts");
  try {
    return readCard(readTextUpTo(path, MOST_CARD_BYTES), path);
  } catch (cause) {
    if (isDenotuneError(cause)) throw cause;
    throw new DataError(
      `Cannot read ${path}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      { cause },
    );
  }
}

/** Every file below a folder, links followed to files, sorted; with slashes. */
async function filesBelow(root: string, depth = Infinity): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string, left: number): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) {
        if (left > 1) await walk(path, left - 1);
      } else if (entry.isFile || await kindAt(path) === "file") {
        found.push(relative(root, path).replaceAll("\\", "/"));
      }
    }
  };
  await walk(root, depth);
  return found.sort();
}

/** Without the Hub's list, only the shards' own numbers tell that some are missing. */
function refuseMissingShards(
  plan: DataPlan,
  label: string,
  root: string,
): void {
  const files = [...new Set(plan.parts.flatMap((p) => p.files))];
  const sets = Map.groupBy(files, (f) => {
    const shard = /^(.*)-\d{5}-of-(\d{5})/.exec(f);
    return shard === null ? "" : `${shard[1]} ${shard[2]}`;
  });
  sets.delete("");
  for (const [set, shards] of sets) {
    const of = Number(set.slice(set.lastIndexOf(" ") + 1));
    if (shards.length >= of) continue;
    throw new DataError(
      `${label} is in the cache only in part, and HF_HUB_OFFLINE is set: ${root} has ${shards.length} of ${of} files such as ${
        shards[0]
      }; unset it, or copy the others there`,
    );
  }
}
