/**
 * The first rows of a stream: what a run is judged by before it begins.
 * @module
 */
import { createHash } from "node:crypto";
import type { RawRecord, RecordStore } from "../../contracts/source.ts";
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import type { StreamSource } from "./types.ts";

/** Rows that are looked at, of each source. */
export const FIRST_ROWS = 256;
/** Characters after which no more rows are looked at. */
const CHARACTERS = 2 ** 20;

/** Reads the first rows, up to {@linkcode FIRST_ROWS}; fewer where they are long. Throws `DataError`. */
export async function firstRows(
  stream: StreamSource,
  { maxRows, onBadRow, signal }: {
    readonly maxRows: number | null;
    /** What happens to rows that cannot be read; those that are skipped are counted when the run reads them. */
    readonly onBadRow: "error" | "skip";
    readonly signal?: AbortSignal;
  },
): Promise<RecordStore> {
  const records: RawRecord[] = [];
  const hash = createHash("sha256");
  const most = Math.min(FIRST_ROWS, maxRows ?? Infinity);
  let characters = 0;
  reading: for await (const rows of stream.pass(signal)) {
    for (const row of rows) {
      let record: RawRecord;
      try {
        record = stream.parse(row);
      } catch (error) {
        if (onBadRow === "skip" && isDenotuneError(error)) continue;
        throw error;
      }
      records.push(record);
      const text = JSON.stringify(record.value) ?? "";
      hash.update(text).update("\n");
      characters += text.length;
      if (records.length >= most || characters >= CHARACTERS) break reading;
    }
  }
  if (records.length === 0) {
    throw new DataError(`${stream.name}: there are no rows in it`);
  }
  return {
    length: records.length,
    fingerprint: hash.digest("hex"),
    at(index) {
      const record = records[index];
      if (record === undefined) {
        throw new RangeError(
          `Cannot read row ${index} of ${stream.name}: ${records.length} were read`,
        );
      }
      return record;
    },
    [Symbol.dispose](): void {},
  };
}
