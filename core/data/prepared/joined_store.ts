/**
 * Several stores as one, and part of a store: files of a split, slices, sums of splits.
 * @module
 */
import { createHash } from "node:crypto";
import type { RawRecord, RecordStore } from "../../contracts/source.ts";

/** Rows `from` to before `to` of a store. */
export interface StoreRange {
  /** Holds the rows. */
  readonly store: RecordStore;
  /** First row. */
  readonly from: number;
  /** The row after the last. */
  readonly to: number;
}

/**
 * The rows of all ranges, in order, as one store. Disposing it disposes every store once: a store may
 * occur in several ranges. A single whole store keeps its fingerprint.
 */
export function joinedStore(ranges: readonly StoreRange[]): RecordStore {
  const starts: number[] = [];
  let length = 0;
  const hash = createHash("sha256");
  for (const { store, from, to } of ranges) {
    if (!(from >= 0 && from <= to && to <= store.length)) {
      throw new RangeError(
        `Cannot take rows ${from} to ${to} of a store of ${store.length}`,
      );
    }
    starts.push(length);
    length += to - from;
    hash.update(`${store.fingerprint} ${from} ${to}\n`);
  }
  const [first] = ranges;
  const isWhole = ranges.length === 1 && first.from === 0 &&
    first.to === first.store.length;
  return {
    length,
    fingerprint: isWhole ? first.store.fingerprint : hash.digest("hex"),
    at(index: number): RawRecord {
      if (!(index >= 0 && index < length)) {
        throw new RangeError(
          `Cannot read row ${index} of ${ranges.length} files: they have ${length} rows`,
        );
      }
      const i = lastAtMost(starts, index);
      const { store, from } = ranges[i];
      const record = store.at(from + index - starts[i]);
      return { ...record, where: { ...record.where, index } };
    },
    [Symbol.dispose](): void {
      for (const store of new Set(ranges.map((r) => r.store))) {
        store[Symbol.dispose]();
      }
    },
  };
}

/** Index of the last start that is at most `row`; of equal starts (empty ranges) the last. */
function lastAtMost(starts: readonly number[], row: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= row) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
