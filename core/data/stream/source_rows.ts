/**
 * Streams of rows: of files, of rows in memory, and of stores whose source cannot stream.
 * @module
 */
import type {
  RawRecord,
  RecordStore,
  Source,
  SourceRequest,
} from "../../contracts/source.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import type { SplitSlice } from "../../io/hub/dataset/split_expression.ts";
import type { PartOfSplit } from "../open_parts.ts";
import type { StreamedRow, StreamSource } from "./types.ts";

/** Rows that a store or a list gives at a time. */
const ROWS = 256;

/** What a stream of files is made with. */
export interface FileStreamInit {
  /** How errors name it. */
  readonly name: string;
  /** The entry, for errors: `data.train.0`. */
  readonly key: string;
  /** Its files. */
  readonly parts: readonly PartOfSplit[];
  /** What reads a file. */
  readonly sourceOf: (path: string) => Promise<Source>;
  /** For sources that need an index. */
  readonly cacheDir: string;
  /** Receives a message for each source that is indexed after all. */
  readonly onNotice?: (message: string) => void;
}

/**
 * The rows of files, part by part. Slices must count rows from the start: others need the number of all.
 * Throws `ConfigError`.
 */
export async function streamOfParts(
  { name, key, parts, sourceOf, cacheDir, onNotice }: FileStreamInit,
): Promise<StreamSource> {
  const sources = new Map<string, Source>();
  const extent: [string, number][] = [];
  for (const path of new Set(parts.flatMap((part) => part.files))) {
    sources.set(path, await sourceOf(path));
    extent.push([path, (await Deno.stat(path)).size]);
  }
  if (sources.values().some((source) => source.stream === undefined)) {
    onNotice?.(
      `${name}: its source cannot stream, so its rows are indexed file by file`,
    );
  }
  const slices = parts.map(({ slice }) => boundsOf(slice, key));
  const rowsOf = async function* (
    path: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly StreamedRow[], void, undefined> {
    const source = sources.get(path);
    if (source === undefined) throw new RangeError(`${path} is not open`);
    const request: SourceRequest = { path, cacheDir, signal };
    if (source.stream === undefined) {
      using store = await source.open(request);
      yield* rowsOfStore(store, signal);
      return;
    }
    const isFinished = source.parse === undefined;
    for await (const records of source.stream(request)) {
      yield records.map((record) => ({
        record,
        path: isFinished ? null : path,
      }));
    }
  };
  return {
    name,
    extent,
    parse: ({ record, path }) =>
      path === null ? record : sources.get(path)?.parse?.(record) ?? record,
    async *pass(signal) {
      let index = 0; // within the source
      for (const [p, { files, slice }] of parts.entries()) {
        const { from, to } = slices[p];
        let row = 0; // within the part
        for (const path of files) {
          if (row >= to) break;
          for await (const rows of rowsOf(path, signal)) {
            const wanted = rows.slice(Math.max(0, from - row), to - row);
            row += rows.length;
            if (wanted.length > 0) {
              yield wanted.map((r) => at(r, index++));
            }
            if (row >= to) break;
          }
        }
        const end = to === Infinity ? from : to;
        if (row < end) {
          throw new DataError(
            `\`split\` asks for ${slice?.text}, but there are only ${row} rows; take fewer, or leave the end open`,
          );
        }
      }
    },
  };
}

/** Rows in memory. */
export function streamOfRows(
  name: string,
  records: RecordStore,
): StreamSource {
  return {
    name,
    extent: [["rows", records.length]],
    parse: ({ record }) => record,
    pass: (signal) => rowsOfStore(records, signal),
  };
}

async function* rowsOfStore(
  store: RecordStore,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StreamedRow[], void, undefined> {
  for (let from = 0; from < store.length; from += ROWS) {
    signal?.throwIfAborted();
    const count = Math.min(ROWS, store.length - from);
    yield Array.from(
      { length: count },
      (_, i) => ({ record: store.at(from + i), path: null }),
    );
    await null; // others of the thread have their turn
  }
}

function at({ record, path }: StreamedRow, index: number): StreamedRow {
  const { value, where } = record;
  if (where.index === index) return { record, path };
  const moved: RawRecord = { value, where: { ...where, index } };
  return { record: moved, path };
}

/** First row and the row after the last. */
function boundsOf(
  slice: SplitSlice | null,
  key: string,
): { from: number; to: number } {
  if (slice === null) return { from: 0, to: Infinity };
  for (const bound of [slice.from, slice.to]) {
    if (bound === null || (bound.unit === "row" && bound.value >= 0)) continue;
    throw new ConfigError(
      `\`${key}.split\` is ${slice.text}: under data.streaming slices count rows from the start, as in train[:1000], because the number of rows is not known`,
    );
  }
  const from = slice.from?.value ?? 0;
  return { from, to: Math.max(from, slice.to?.value ?? Infinity) };
}
