/**
 * The rows of sources, one after the other: an unreadable row is reported, not thrown, so that the analysis
 * continues after it.
 * @module
 */
import {
  buildExamples,
  type Built,
  type DataSource,
  type ExamplePipeline,
  type HeldOut,
  isDenotuneError,
  isOnSide,
  namingInput,
  type ParsedExample,
  parseRecord,
  type RawRecord,
} from "@denotune/denotune/core";

/** Where a row is. */
interface Place {
  /** Index of its source. */
  readonly source: number;
  /** Index of its record in the source. */
  readonly record: number;
}

/** A row as an example. */
export interface ReadRow extends Place {
  readonly raw: RawRecord;
  readonly example: ParsedExample;
  readonly problem: null;
}

/** A row that cannot be read. */
export interface UnreadRow extends Place {
  /** What is wrong, with file and line. */
  readonly problem: string;
}

/** How many rows of a source are read. */
export function rowsOf({ store, max_rows }: DataSource): number {
  return Math.min(store.length, max_rows ?? Infinity);
}

/** Every row of the sources' sides; of one source, or one row, where `only` says so. */
export function* readRows(
  sources: readonly DataSource[],
  split: HeldOut,
  only: { readonly source?: number; readonly record?: number } = {},
): Generator<ReadRow | UnreadRow> {
  for (const [source, from] of sources.entries()) {
    if (only.source !== undefined && only.source !== source) continue;
    const end = Math.min(rowsOf(from), (only.record ?? Infinity) + 1);
    for (let record = only.record ?? 0; record < end; record++) {
      const row = readRow(from, { source, record });
      if (
        row.problem === null &&
        !isOnSide(row.example, from.side ?? "all", split)
      ) continue;
      // a row that cannot be read belongs to no side: it is reported once, on the training side
      if (row.problem !== null && from.side === "eval") continue;
      yield row;
    }
  }
}

function readRow(from: DataSource, place: Place): ReadRow | UnreadRow {
  try {
    const raw = from.store.at(place.record);
    const example = parseRecord(raw, from.format);
    return { ...place, raw, example, problem: null };
  } catch (error) {
    return { ...place, problem: problemOf(error) };
  }
}

/** What became of a row on its way to tokens; `problem` where the template cannot write it. */
export function buildRow(
  { raw, example }: ReadRow,
  pipeline: ExamplePipeline,
): { readonly built: Built; readonly problem: null } | {
  readonly problem: string;
} {
  try {
    return { built: buildExamples(example, raw, pipeline), problem: null };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/** What a row is to blame for; everything else is thrown on. */
function problemOf(error: unknown): string {
  if (isDenotuneError(error) && error.name === "DataError") {
    return namingInput(error.message);
  }
  throw error;
}
