/**
 * Which source reads a file.
 * @module
 */
import { createPart, type Creating } from "../config/parts/create_part.ts";
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
  throw new DataError(
    `No source reads ${path}; known: ${
      names.sort().join(", ")
    }. Say which one does with \`source: {use: NAME}\` beside its path`,
  );
}

/** What says how the files of an entry are read. */
export interface SourceWishes {
  /** The source that the run chose; null: by the files' names. */
  readonly chosen: Source | null;
  /** The format of the rows, before it settled. */
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
  using file = await Deno.open(path);
  const read = (await file.read(head)) ?? 0;
  return head.subarray(0, read);
}
