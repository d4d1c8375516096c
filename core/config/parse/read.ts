/**
 * Reads run files, in YAML, JSON or TypeScript, and merges what they extend.
 * @module
 */
import {
  basename,
  dirname,
  extname,
  isAbsolute,
  relative,
  resolve,
} from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError, isDenotuneError } from "../../contracts/errors.ts";
import { readFileUpTo } from "../../io/read_file.ts";
import { importModule } from "../parts/import_module.ts";
import type { Layout } from "./layout.ts";
import { mergeTrees } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { configError, didYouMean, messageOf, show } from "./problem.ts";
import { inside, type Origin, type Path, type Tree, treeOf } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

/** Bytes of a run file at most: rows belong into files of their own. */
const MOST_BYTES = 1e6;
const CODE = [".ts", ".mts", ".js", ".mjs"];
/** Names that a run file may have. */
const RUN_FILE = /\.(ya?ml|json|m?[jt]s)$/i;

/** A path as it is shown: relative to the working directory where it is inside of it. */
export function shownPath(path: string, cwd: string): string {
  const inner = relative(cwd, path);
  return inner === "" || inner.startsWith("..") || isAbsolute(inner)
    ? path
    : inner;
}

/** The same without running any code: a run file in TypeScript, named or extended, is refused. */
export function readRunText(
  file: string,
  cwd: string,
  layout: Layout,
): Promise<Tree> {
  return read(file, null, [], { cwd, layout });
}

/** Says whether a run file in code may run that a text extends. Throws what keeps it from that. */
export type AdmitRunFile = (file: string, place: string) => Promise<void>;

/**
 * The tree of run files (absolute paths), each laid over those before it as over what it extends. Throws
 * `ConfigError`, and what `admit` throws.
 */
export async function readRunFiles(
  files: readonly string[],
  reading: Reading & { readonly admit: AdmitRunFile },
): Promise<Tree> {
  const [first, ...others] = files;
  let merged = await read(first, null, [], reading);
  for (const file of others) {
    const over = await read(file, null, [], reading);
    merged = mergeTrees(merged, over, reading.layout);
  }
  return merged;
}

/** The tree of a file that has the keys of one group; `from` chose it. Throws `ConfigError`. */
export async function readGroupFile(
  file: string,
  cwd: string,
  from: Origin,
): Promise<Tree> {
  const place = shownPath(file, cwd);
  const tree = await readText(file, place);
  const written = inside(tree, "extends");
  if (written === undefined) return tree;
  throw new ConfigError(
    `${written.origin.place}: \`extends\` joins run files, and ${from.place} takes this file as one group of keys; write its keys here`,
  );
}

/** The tree of a run given in code, what it extends merged; its paths start from `base`. */
export function readRunObject(
  run: unknown,
  base: string,
  reading: Reading & { readonly admit: AdmitRunFile },
): Promise<Tree> {
  const tree = objectTree(run, { place: "run", base, code: true });
  return withExtended(tree, [], reading);
}

/** What run files are read with. */
interface Reading {
  /** Absolute folder that paths are shown relative to. */
  readonly cwd: string;
  /** The keys of a run, and where parts are chosen. */
  readonly layout: Layout;
  /** Asked before a run file in code runs that a text extends; absent: run files that are code are refused. */
  readonly admit?: AdmitRunFile;
}

/** The run file in the same folder whose name is near; null: none is. */
async function nearFile(file: string): Promise<string | null> {
  const stem = (name: string) => basename(name, extname(name));
  const names = new Map<string, string>(); // by stem: a common suffix makes no name near
  try {
    for await (const { name } of Deno.readDir(dirname(file))) {
      if (RUN_FILE.test(name)) names.set(stem(name), name);
    }
  } catch {
    return null; // there is no such folder, or it may not be read
  }
  return names.get(nearest(stem(file), names.keys()) ?? "") ?? null;
}

async function read(
  file: string,
  from: Origin | null,
  above: readonly string[],
  reading: Reading,
): Promise<Tree> {
  const place = shownPath(file, reading.cwd);
  const fail = (message: string, cause?: unknown): never => {
    throw new ConfigError(
      from === null ? message : `${from.place}: ${message}`,
      { cause },
    );
  };
  const isCode = CODE.includes(extname(file));
  let real: string;
  try {
    if (file.includes("\0")) {
      return fail(`There is no run file ${show(file)}`);
    }
    real = await Deno.realPath(file);
    const found = await Deno.stat(real);
    if (found.isDirectory) fail(`${place} is a folder, not a run file`);
    // an import of a pipe waits for its writer; a text may come from one
    if (!found.isFile && isCode) fail(`${place} is no file`);
  } catch (error) {
    if (isDenotuneError(error)) throw error;
    if (error instanceof Deno.errors.NotFound) {
      return fail(
        `There is no run file ${file}${didYouMean(await nearFile(file))}`,
        error,
      );
    }
    return fail(`Cannot read the run file ${file}: ${messageOf(error)}`, error);
  }
  if (above.includes(real)) {
    const circle = [...above.slice(above.indexOf(real)), real].map((path) =>
      shownPath(path, reading.cwd)
    );
    fail(`run files extend each other in a circle: ${circle.join(" -> ")}`);
  }
  if (isCode && reading.admit === undefined) {
    fail(
      `${place} is a program: what it names is known only when it runs; read it before you use it`,
    );
  }
  // whoever starts a program, or writes one that names another, runs it
  if (isCode && from !== null && from.code !== true) {
    await reading.admit?.(file, from.place);
  }
  const tree = isCode ? await readModule(file, place) : readText(file, place);
  return await withExtended(tree, [...above, real], reading);
}

function readText(file: string, place: string): Tree {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(
      readFileUpTo(file, MOST_BYTES),
    );
  } catch (error) {
    const why = error instanceof TypeError
      ? "it is not UTF-8 text"
      : messageOf(error);
    throw new ConfigError(`Cannot read the run file ${file}: ${why}`, {
      cause: error,
    });
  }
  const tree = parseYaml(text, { place, base: dirname(file), lines: true });
  if (tree === null) {
    throw new ConfigError(
      `${place} is empty; a run file needs at least \`model\` and \`data\``,
    );
  }
  return mustBeMap(tree);
}

async function readModule(file: string, place: string): Promise<Tree> {
  let module: { default?: unknown };
  try {
    module = await importModule(pathToFileURL(file).href);
  } catch (error) {
    if (isDenotuneError(error)) throw error;
    throw new ConfigError(
      `Cannot load the run file ${place}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (module.default === undefined) {
    throw new ConfigError(
      `${place} has no default export; write \`export default defineRun({ model: ..., data: ... })\``,
    );
  }
  return objectTree(module.default, { place, base: dirname(file), code: true });
}

function objectTree(run: unknown, origin: Origin): Tree {
  return mustBeMap(treeOf(run, origin, isOpaque));
}

/** Rows in memory and parts chosen in code are not looked into. */
function isOpaque(path: Path, value: unknown): boolean {
  const isRows = path.length === 4 && path[0] === "data" &&
    path[3] === "rows" && Array.isArray(value);
  return isRows || path.at(-1) === "use" && typeof value === "object";
}

function mustBeMap(tree: Tree): Tree {
  if (tree.type === "map") return tree;
  const found = tree.type === "list" ? "a list" : show(tree.value);
  throw configError([{
    origin: tree.origin,
    message:
      `a run is a map of keys such as \`model\` and \`data\`, not ${found}`,
  }]);
}

async function withExtended(
  tree: Tree,
  above: readonly string[],
  reading: Reading,
): Promise<Tree> {
  let merged: Tree | null = null;
  for (const { path, origin } of extended(tree)) {
    const base = await read(resolve(origin.base, path), origin, above, reading);
    merged = merged === null ? base : mergeTrees(merged, base, reading.layout);
  }
  if (tree.type !== "map" || merged === null) return tree;
  const entries = new Map(tree.entries);
  entries.delete("extends");
  return mergeTrees(merged, { ...tree, entries }, reading.layout);
}

/** The run files named by `extends`; what is of another type is left to the schema. */
function extended(tree: Tree): { path: string; origin: Origin }[] {
  const value = inside(tree, "extends");
  const leaves = value?.type === "list"
    ? value.items
    : value === undefined
    ? []
    : [value];
  return leaves.flatMap((leaf) =>
    leaf.type === "leaf" && typeof leaf.value === "string"
      ? [{ path: leaf.value, origin: leaf.origin }]
      : []
  );
}
