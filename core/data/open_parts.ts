/**
 * From files by split to one store: every file is opened once, then joined and cut.
 * @module
 */
import type { RecordStore } from "../contracts/source.ts";
import { DataError } from "../contracts/errors.ts";
import { rowsOf, type SplitSlice } from "../io/hub/dataset/split_expression.ts";
import { joinedStore, type StoreRange } from "./prepared/joined_store.ts";

/** Files of a split, all of their rows or a slice of them. */
export interface PartOfSplit {
  /** The split's name. */
  readonly split: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Counted over the rows of all files; null: all. */
  readonly slice: SplitSlice | null;
}

/**
 * The rows of all parts in order. `open` opens one file; what it opened is closed with the store, or when
 * this fails. Throws `DataError` for slices beyond the end, or empty ones.
 */
export async function openParts(
  parts: readonly PartOfSplit[],
  open: (path: string) => Promise<RecordStore>,
): Promise<RecordStore> {
  const stores = new Map<string, RecordStore>();
  try {
    for (const path of new Set(parts.flatMap((p) => p.files))) {
      stores.set(path, await open(path));
    }
    const ranges = parts.flatMap((part) => rangesOf(part, stores));
    if (!ranges.some((r) => r.to > r.from)) {
      throw new DataError(
        `There are no rows in ${
          parts.map((p) => p.slice?.text ?? p.split).join(" + ")
        } of ${parts[0]?.files[0] ?? "no files"}${
          parts.flatMap((p) => p.files).length > 1 ? " and others" : ""
        }`,
      );
    }
    return closing(joinedStore(ranges), stores);
  } catch (error) {
    for (const store of stores.values()) store[Symbol.dispose]();
    throw error;
  }
}

function rangesOf(
  { files, slice }: PartOfSplit,
  stores: ReadonlyMap<string, RecordStore>,
): StoreRange[] {
  const own = files.map((path) => stores.get(path)).filter((s) =>
    s !== undefined
  );
  if (slice === null) {
    return own.map((store) => ({ store, from: 0, to: store.length }));
  }
  const total = own.reduce((sum, s) => sum + s.length, 0);
  const { from, to } = rowsOf(slice, total);
  const ranges: StoreRange[] = [];
  let start = 0; // of this store within the split
  for (const store of own) {
    const a = Math.min(Math.max(from - start, 0), store.length);
    const b = Math.min(Math.max(to - start, 0), store.length);
    if (b > a) ranges.push({ store, from: a, to: b });
    start += store.length;
  }
  return ranges;
}

/** Also closes stores of which no row is used. */
function closing(
  joined: RecordStore,
  stores: ReadonlyMap<string, RecordStore>,
): RecordStore {
  return {
    length: joined.length,
    fingerprint: joined.fingerprint,
    at: (index) => joined.at(index),
    [Symbol.dispose](): void {
      for (const store of stores.values()) store[Symbol.dispose]();
    },
  };
}
