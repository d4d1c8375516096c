/**
 * Rows given in memory, as a record store: the library's `{rows, format}`.
 * @module
 */
import { createHash } from "node:crypto";
import type { RawRecord, RecordStore } from "../contracts/source.ts";
import { DataError } from "../contracts/errors.ts";

/** What a row store calls itself. */
export interface RowsStoreOptions {
  /** Replaces the path in errors (default `rows`). */
  readonly name?: string;
}

/**
 * A store over an array of rows. The rows are not copied: do not change them while it is in use.
 * Throws `DataError` where there are none.
 */
export function rowsStore(
  rows: readonly unknown[],
  options: RowsStoreOptions = {},
): RecordStore {
  const path = options.name ?? "rows";
  if (rows.length === 0) {
    throw new DataError(
      `Cannot read ${path}: there are no rows; pass at least one`,
    );
  }
  let fingerprint: string | null = null;
  return {
    length: rows.length,
    get fingerprint(): string {
      return fingerprint ??= hashRows(rows, path);
    },
    at(index: number): RawRecord {
      if (!(index >= 0 && index < rows.length)) {
        throw new RangeError(
          `Cannot read row ${index} of ${path}: it has ${rows.length} rows`,
        );
      }
      return { value: rows[index], where: { path, index } };
    },
    [Symbol.dispose](): void {},
  };
}

function hashRows(rows: readonly unknown[], path: string): string {
  const hash = createHash("sha256");
  for (const [index, row] of rows.entries()) {
    try {
      hash.update(`${JSON.stringify(row)}\n`);
    } catch (cause) {
      throw new DataError(
        `${path} row ${index}: cannot be written as JSON: ${
          String(cause)
        }; give plain values`,
        {
          cause,
        },
      );
    }
  }
  return hash.digest("hex");
}
