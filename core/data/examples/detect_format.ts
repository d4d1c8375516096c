/**
 * A look at rows before any is parsed, for formats that decide by what they see (`auto`).
 * @module
 */
import type { Format } from "../../contracts/format.ts";
import type { RawRecord, RecordStore } from "../../contracts/source.ts";

/** A format that is ready to parse, and which one it was detected to be. */
export interface DetectedFormat {
  /** Ready to parse. */
  readonly format: Format;
  /** Name of the chosen format and why; null where the format had nothing to decide. */
  readonly choice: { readonly name: string; readonly reason: string } | null;
}

/** How many rows a format looks at. */
export const SAMPLE_ROWS = 100;

/** Up to `count` rows: the first half from the start, the rest spread evenly over the set. */
export function sampleRecords(store: RecordStore, count: number): RawRecord[] {
  const n = store.length;
  if (n <= count) return Array.from({ length: n }, (_, i) => store.at(i));
  const first = Math.ceil(count / 2);
  const spread = count - first;
  const indices = Array.from({ length: first }, (_, i) => i);
  for (let i = 0; i < spread; i++) {
    indices.push(first + Math.floor(((i + 1) * (n - 1 - first)) / spread));
  }
  return [...new Set(indices)].map((i) => store.at(i));
}

/** Lets a format that decides by a sample (`Format.choose`) decide. Throws `DataError` where it cannot. */
export function detectFormat(
  format: Format,
  store: RecordStore,
): DetectedFormat {
  if (format.choose === undefined) return { format, choice: null };
  const { format: chosen, name, reason } = format.choose(
    sampleRecords(store, SAMPLE_ROWS),
  );
  return { format: chosen, choice: { name, reason } };
}
