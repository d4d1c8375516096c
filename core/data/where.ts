/**
 * Places in data files, as errors write them.
 * @module
 */
import type { Where } from "../contracts/source.ts";

/** `data/x.jsonl:37` where the file has lines, else `data/x.parquet row 36` (rows counted from 0). */
export function describeWhere(where: Where): string {
  return where.line === undefined
    ? `${where.path} row ${where.index}`
    : `${where.path}:${where.line}`;
}
