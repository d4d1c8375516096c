/**
 * Groups: folders of files beside the run file, one of which is chosen on the command line, as with Hydra.
 *
 * ```text
 * base.yaml                 train base.yaml data=sft_mixed model=qwen3
 * data/alpaca.yaml          its keys are those of `data`, without `data:` before them
 * data/sft_mixed.yaml
 * model/qwen3.yaml
 * ```
 * @module
 */
import { join } from "node:path";
import type { Kind } from "../../contracts/plugin.ts";
import type { Registry } from "../../contracts/registry.ts";
import { nearest } from "./nearest.ts";
import { type Layout, propertiesAt } from "./layout.ts";
import type { Override } from "./override.ts";
import { didYouMean, listed, type Problem } from "./problem.ts";
import { readGroupFile, shownPath } from "./read.ts";
import { keyOf, type MapTree, type Path, type Tree } from "./tree.ts";

/** Where groups are looked for. */
export interface Groups {
  /** Absolute folders of the run files. */
  readonly folders: readonly string[];
  readonly cwd: string;
  readonly layout: Layout;
  /** The name of a part wins over a file of that name. */
  readonly registry: Registry;
}

const ENDINGS = [".yaml", ".yml", ".json"];

/**
 * The file that an override names, as a run that has nothing but this group; null where the override sets a value. A
 * name that is neither a value of its key nor a file is a problem that shows the files there are.
 */
export async function groupOf(
  { path, value, origin }: Override,
  groups: Groups,
): Promise<Tree | Problem | null> {
  const { layout, registry, cwd } = groups;
  if (value.type !== "leaf" || typeof value.value !== "string") return null;
  if (path.some((step) => typeof step === "number")) return null;
  const name = value.value;
  const field = layout.partFieldAt(path);
  if (field === undefined) {
    if (propertiesAt(layout.schema, path).length === 0) return null;
  } else if (
    (name === "auto" && field.auto) || isPart(registry, field.kind, name)
  ) return null;
  const folders = groups.folders.map((f) => join(f, ...path.map(String)));
  if (/^\w[\w.-]*$/.test(name)) {
    for (const folder of folders) {
      const file = await fileOf(folder, name);
      if (file === null) continue;
      return within(await readGroupFile(file, cwd, origin), path);
    }
  }
  if (field !== undefined) return null; // what is no part's name is refused where parts are checked
  const found = (await Promise.all(folders.map(namesIn))).flat();
  const key = keyOf(path);
  return {
    origin,
    message: `\`${key}\` is no single value, and there is no file ${
      shownPath(folders[0] ?? join(cwd, key), cwd)
    }/${name}.yaml that ${JSON.stringify(name)} could name${
      found.length === 0
        ? ""
        : `${didYouMean(nearest(name, found))} (there are: ${listed(found)})`
    }; ${HINTS[key] ?? `set the keys inside it, as in \`${key}.KEY=VALUE\``}`,
  };
}

/** What people mean who write a path here. */
const HINTS: Readonly<Record<string, string>> = {
  model: "a folder or a Hub id is `model.path=...`",
  data: "a file or a data set is `data.train.0.path=...`",
};

function isPart(registry: Registry, kind: Kind, name: string): boolean {
  return registry.find(kind, name) !== undefined;
}

/** The tree as the value of a key. */
function within(tree: Tree, path: Path): Tree {
  return path.toReversed().reduce<Tree>((inner, step): MapTree => ({
    type: "map",
    entries: new Map([[String(step), { key: inner.origin, tree: inner }]]),
    origin: inner.origin,
  }), tree);
}

async function fileOf(folder: string, name: string): Promise<string | null> {
  const names = [name, ...ENDINGS.map((ending) => `${name}${ending}`)];
  for (const candidate of names) {
    const isFile = ENDINGS.some((ending) => candidate.endsWith(ending));
    const path = join(folder, candidate);
    if (isFile && await exists(path)) return path;
  }
  return null;
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const ending = ENDINGS.find((e) => name.endsWith(e));
      if (ending !== undefined) names.push(name.slice(0, -ending.length));
    }
  } catch {
    return []; // no such folder: no such group
  }
  return names.sort();
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
