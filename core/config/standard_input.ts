/**
 * Rows from standard input: `path: "-"`. They are kept in the cache under the hash of their content, and the
 * run reads that file, so that a resumed run finds the same rows, and detects other rows.
 * @module
 */
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../io/cache_folder.ts";
import type { Environment } from "../io/hub/hub_cache.ts";
import { configError, type Problem } from "./parse/problem.ts";
import { originAt, type Tree } from "./parse/tree.ts";
import type { DataConfig, EvalEntry } from "./types.ts";

/** The path that means standard input. */
export const STANDARD_INPUT = "-";

/** Its name in messages. */
export const STANDARD_INPUT_NAME = "standard input";

/** A text, with the kept file called what it was read from. */
export function namingInput(text: string, env?: Environment): string {
  const folder = inputFolder(env).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const kept = new RegExp(`${folder}[\\\\/][0-9a-f]{64}(\\.json\\.\\w+)?`, "g");
  return text.replace(kept, STANDARD_INPUT_NAME);
}

/** Where standard input is read from and kept. */
export interface InputRequest {
  /** The run as it was written, for the places of errors. */
  readonly run: Tree;
  /** The environment; that of the process where absent. */
  readonly env?: Environment;
  /** What is read; standard input where absent. */
  readonly stdin?: ReadableStream<Uint8Array>;
}

/** Folder of what came from standard input. */
export function inputFolder(env?: Environment): string {
  return join(cacheFolder(env), "stdin");
}

/** Whether a path is, or was, the file that standard input was kept in. */
export function isKeptInput(path: string, env?: Environment): boolean {
  return dirname(path) === inputFolder(env) &&
    /^[0-9a-f]{64}(\.|$)/.test(basename(path));
}

/**
 * The key `data` with the kept file in the place of `-`. Standard input is read once, to its end. Throws
 * `ConfigError` where nothing is piped into the process, and as `spool` does.
 */
export async function withStandardInput(
  data: DataConfig,
  { run, env, stdin }: InputRequest,
): Promise<DataConfig> {
  const places = (["train", "eval"] as const).flatMap((list) =>
    data[list].flatMap(({ path }, i) =>
      path === STANDARD_INPUT ? [["data", list, i, "path"] as const] : []
    )
  );
  if (places.length === 0) return data;
  const problem = (what: string): Problem => ({
    origin: originAt(run, places[0]),
    message: `\`${
      places[0].join(".")
    }\` is "-", standard input, ${what}; pipe the rows in, as in \`... train run.yaml < rows.jsonl\``,
  });
  if (stdin === undefined && Deno.stdin.isTerminal()) {
    throw configError([problem("which is a terminal")]);
  }
  const folder = inputFolder(env);
  const { spool } = await import("../io/spool.ts");
  const { path, bytes } = await spool(stdin ?? Deno.stdin.readable, {
    folder,
    endingOf,
  });
  if (bytes === 0) {
    await Deno.remove(path);
    throw configError([problem("and nothing came")]);
  }
  const kept = <E extends EvalEntry>(entry: E): E =>
    entry.path === STANDARD_INPUT ? { ...entry, path } : entry;
  return { ...data, train: data.train.map(kept), eval: data.eval.map(kept) };
}

/** JSON, JSON Lines and Parquet are known by their first bytes, but not when they are packed. */
function endingOf(head: Uint8Array): string {
  const starts = (...bytes: number[]) => bytes.every((b, i) => head[i] === b);
  if (starts(0x1f, 0x8b)) return ".json.gz";
  return starts(0x28, 0xb5, 0x2f, 0xfd) ? ".json.zst" : "";
}
