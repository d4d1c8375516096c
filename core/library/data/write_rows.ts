/**
 * Prepared rows as files: token ids with labels, which the format `pretokenized` reads again, as do the tools of
 * Hugging Face and TRL.
 *
 * ```text
 * {"input_ids": [12, 7, 31, 2], "labels": [-100, -100, 31, 2]}      every weight 0 or 1
 * {"input_ids": [12, 7, 31, 2], "weights": [0, 0, 0.5, 0.5]}        else
 * ```
 * @module
 */
import { basename, dirname, extname, join, resolve } from "node:path";
import type { LoadedRun } from "../../config/load.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type { PreparedDataset } from "../../data/prepared/prepared_dataset.ts";
import type { PreparedExample } from "../../data/types.ts";
import { asUserError, temporaryBeside, writeAll } from "../../io/atomic.ts";
import { ParquetWriter } from "../../io/write_parquet.ts";
import { prepareRun } from "../prepare.ts";
import type { PrepareOptions } from "../../run/open/open_run.ts";
import { refuseStream } from "./prepared_data.ts";

/** A file that was written. */
export interface WrittenRows {
  /** Its path. */
  readonly path: string;
  /** Whether its rows are trained on or evaluated on. */
  readonly side: "train" | "eval";
  /** Rows, an example each. */
  readonly rows: number;
  /** Of a source with a share of its own: its `weight`. */
  readonly weight: number | null;
  /** Of a source with passes of its own: its `epochs`. */
  readonly epochs: number | null;
}

/** Where prepared rows are written. */
export interface WriteRowsOptions extends PrepareOptions {
  /** A file that ends in .jsonl or .parquet; rows to evaluate on go to `NAME.eval.jsonl` beside it. */
  readonly to: string;
}

/** The label of tokens that are only read. */
const IGNORED = -100;

/**
 * Writes the rows of a run. Sources with shares or passes of their own get a file each, so that they can have these
 * again. Throws `ConfigError` for another ending, for streams and for rows of pairs.
 */
export async function writeRows(
  run: LoadedRun,
  { to, ...options }: WriteRowsOptions,
): Promise<WrittenRows[]> {
  const path = resolve(to);
  if (![".jsonl", ".parquet"].includes(extname(path))) {
    throw new ConfigError(
      `Cannot write rows to ${to}: the name must end in .jsonl or .parquet`,
    );
  }
  refuseStream(run);
  using prepared = await prepareRun(run, options);
  const { train, evaluation } = prepared.data;
  const entries = run.config.data.train;
  const own = entries.some(({ weight, epochs }) =>
    weight !== null || epochs !== null
  );
  const written: WrittenRows[] = [];
  const names = own ? train.sourceNames : [null];
  for (const [source] of names.entries()) {
    const { weight, epochs } = own ? entries[source] : NONE;
    written.push(
      writeSide(train, {
        path: own && names.length > 1 ? named(path, `.${source}`) : path,
        side: "train",
        source: own ? source : null,
        weight,
        epochs,
      }),
    );
  }
  if (evaluation !== null) {
    written.push(writeSide(evaluation, {
      path: named(path, ".eval"),
      side: "eval",
      source: null,
      ...NONE,
    }));
  }
  return written;
}

const NONE = { weight: null, epochs: null };

/** `rows.jsonl` -> `rows.eval.jsonl` */
function named(path: string, more: string): string {
  const ending = extname(path);
  return join(dirname(path), `${basename(path, ending)}${more}${ending}`);
}

function writeSide(
  set: PreparedDataset,
  { source, ...of }: Omit<WrittenRows, "rows"> & {
    /** Index of the only source that is written; null: all. */
    readonly source: number | null;
  },
): WrittenRows {
  const second = hasFractions(set) ? "weights" : "labels";
  const temporary = temporaryBeside(of.path);
  let rows = 0;
  asUserError(`write ${of.path}`, () => {
    {
      using file = Deno.openSync(temporary, {
        write: true,
        create: true,
        truncate: true,
      });
      const writer = extname(of.path) === ".parquet"
        ? parquetRows(file, second)
        : jsonRows(file, second);
      for (let i = 0; i < set.length; i++) {
        const example = set.example(i);
        if (source !== null && example.source !== source) continue;
        if (example.lengths !== undefined) refusePairs(set, example);
        const { ids, weights } = example;
        writer.add(ids, second === "weights" ? weights : labelsOf(example));
        rows++;
      }
      writer.close();
      file.syncSync();
    }
    Deno.renameSync(temporary, of.path);
  });
  return { ...of, rows };
}

/** Writes rows of two lists. */
interface RowWriter {
  add(ids: Int32Array, second: Int32Array | Float32Array): void;
  close(): void;
}

function jsonRows(file: Deno.FsFile, second: string): RowWriter {
  const encoder = new TextEncoder();
  return {
    add(ids, values) {
      const row = { input_ids: [...ids], [second]: [...values] };
      writeAll(file, encoder.encode(`${JSON.stringify(row)}\n`));
    },
    close() {},
  };
}

function parquetRows(
  file: Deno.FsFile,
  second: "labels" | "weights",
): RowWriter {
  const writer = new ParquetWriter(file, [
    { name: "input_ids", type: "int32" },
    { name: second, type: second === "labels" ? "int32" : "float" },
  ]);
  return {
    // the arrays of a set may be views of memory that is used again
    add: (ids, values) => writer.add([ids.slice(), values.slice()]),
    close: () => writer.close(),
  };
}

function labelsOf({ ids, weights }: PreparedExample): Int32Array {
  return ids.map((id, t) => weights[t] === 1 ? id : IGNORED);
}

/** Whether some token has a weight other than 0 and 1, which labels cannot say. */
function hasFractions(set: PreparedDataset): boolean {
  for (let i = 0; i < set.length; i++) {
    if (set.example(i).weights.some((w) => w !== 0 && w !== 1)) return true;
  }
  return false;
}

function refusePairs(set: PreparedDataset, { source }: PreparedExample): never {
  throw new ConfigError(
    `The rows of ${
      set.sourceNames[source]
    } hold several sequences that belong together, which the format pretokenized does not read; keep them as they are`,
  );
}
