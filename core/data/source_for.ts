/**
 * Which source reads a file.
 * @module
 */
import { createPart, type Creating } from "../config/parts/create_part.ts";
import { refusePipe } from "../io/read_file.ts";
import type { Format } from "../contracts/format.ts";
import type { Source } from "../contracts/source.ts";
import { ConfigError, DataError } from "../contracts/errors.ts";

/** The source part that reads a file. Throws `DataError` that lists them. */
export async function sourceFor(
  path: string,
  creating: Creating,
): Promise<Source> {
  const file = { path, head: await headOf(path) };
  const names: string[] = [];
  for (const { part } of creating.registry.list("source")) {
    const source = await createPart("source", part.name, creating);
    if (source.accepts(file)) return source;
    names.push(part.name);
  }
  const instead = insteadOf(path);
  if (instead !== null) {
    throw new DataError(`No source reads ${path}: ${instead}`);
  }
  throw new DataError(
    `No source reads ${path}; known: ${
      names.sort().join(", ")
    }. Say which one does with \`source: {use: NAME}\` beside its path`,
  );
}

/** What to write in place of files that are no rows as they are; null of others. */
function insteadOf(path: string): string | null {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const ending = /\.(\w+)$/.exec(name)?.[1].toLowerCase() ?? "";
  const found = INSTEAD.find(({ endings }) => endings.includes(ending));
  return found?.what ?? null;
}

const INSTEAD: readonly {
  readonly endings: readonly string[];
  readonly what: string;
}[] = [
  {
    endings: ["xlsx", "xls", "xlsm", "ods", "numbers"],
    what:
      "it is a spreadsheet; save the sheet as CSV (UTF-8), with the names of columns in the first row",
  },
  {
    endings: ["zip", "tar", "tgz", "7z", "rar"],
    what:
      "it is an archive; unpack it, and name the file or the folder that was in it (single files may stay packed as .gz or .zst)",
  },
  {
    endings: ["arrow", "feather", "ipc", "orc", "avro", "h5", "hdf5", "lance"],
    what:
      "save it as Parquet or JSON Lines, for example with pyarrow: pq.write_table(table, 'rows.parquet'), or with datasets: dataset.to_parquet('rows.parquet')",
  },
  {
    endings: ["pkl", "pickle", "npy", "npz", "pt", "pth", "bin"],
    what:
      "it holds objects of Python; save its rows as JSON Lines or Parquet, for example with pandas: frame.to_parquet('rows.parquet')",
  },
  {
    endings: ["db", "sqlite", "sqlite3", "duckdb"],
    what:
      "it is a database; write its rows to a file, for example: sqlite3 -csv -header FILE 'select * from TABLE' > rows.csv",
  },
  {
    endings: ["pdf", "doc", "docx", "odt", "rtf", "epub", "html", "htm"],
    what:
      "it is a document; save its text as .txt (paragraphs become rows), or questions and answers as CSV or JSON Lines",
  },
  {
    endings: ["yaml", "yml", "toml", "xml", "ini"],
    what:
      'write its rows as JSON Lines, one object a line: {"question": "...", "answer": "..."}',
  },
  {
    endings: ["safetensors", "gguf", "onnx"],
    what: "it holds weights, not rows; name it under `model`",
  },
];

/** What says how the files of an entry are read. */
export interface SourceWishes {
  /** The source that the run chose; null: by the files' names. */
  readonly chosen: Source | null;
  /** The format of the rows, before it is detected. */
  readonly format: Format;
  /** The entry, for errors: `data.train.0`. */
  readonly key: string;
}

/**
 * The source of each file of an entry: the one that the run chose, else one that the format asks for, else
 * the one that knows the file's name. Throws `ConfigError` where run and format both choose.
 */
export function fileSources(
  { chosen, format, key }: SourceWishes,
  creating: Creating,
): (path: string) => Promise<Source> {
  const { sources: wanted = [] } = format;
  if (chosen !== null && wanted.length > 0) {
    throw new ConfigError(
      `\`${key}\`: both \`source\` and an option of \`format\` say how files are read; leave one out`,
    );
  }
  if (chosen !== null) return () => Promise.resolve(chosen);
  if (wanted.length === 0) return (path) => sourceFor(path, creating);
  return async (path) => {
    const file = { path, head: await headOf(path) };
    for (const choice of wanted) {
      const source = await createPart("source", choice, creating);
      if (source.accepts(file)) return source;
    }
    const asked = wanted.map((choice) => JSON.stringify(choice)).join(", ");
    throw new ConfigError(
      `\`${key}\`: its format wants files that are read by ${asked}, and ${path} is none`,
    );
  };
}

async function headOf(path: string): Promise<Uint8Array> {
  const head = new Uint8Array(4096);
  refusePipe(path);
  using file = await Deno.open(path);
  const read = (await file.read(head)) ?? 0;
  return head.subarray(0, read);
}
