/**
 * Columns beside token ids: masks, the documents of a packed row, and those that nobody knows.
 * @module
 */
import type { RawRecord } from "@denotune/denotune/core";
import { describe, refuse, rowOf, valueAt } from "./_columns.ts";

/** Tools write these beside the ids; they say nothing of what is trained or of where documents begin. */
const HARMLESS = [
  "token_type_ids",
  "special_tokens_mask",
  "length",
  "num_tokens",
];

/** Names of columns that mark what is trained, or where a document begins. */
const TELLING =
  /mask|label|weight|seq_?len|cu_seq|seq_?id|segment|position|boundar|document_?id|doc_?id/i;

/** A list of whole numbers. */
export function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isInteger);
}

/** A column of whole numbers. */
export function numbersOf(
  record: RawRecord,
  value: unknown,
  name: string,
): readonly number[] {
  if (isNumbers(value)) return value;
  return refuse(
    record,
    `the column "${name}" must be a list of whole numbers, found ${
      describe(value)
    }`,
  );
}

/** The value of a column that may be absent; null where the row has none. */
export function valueOf(record: RawRecord, name: string | null): unknown {
  if (name === null) return null;
  return valueAt(rowOf(record), name) ?? null;
}

/** A column with a number for each token; null where the row has none. */
export function besideTokens(
  record: RawRecord,
  name: string | null,
  tokens: number,
): readonly number[] | null {
  const value = valueOf(record, name);
  if (name === null || value === null) return null;
  const numbers = numbersOf(record, value, name);
  if (numbers.length === tokens) return numbers;
  return refuse(
    record,
    `the column "${name}" has ${numbers.length} numbers for ${tokens} tokens`,
  );
}

/** A column of 0 and 1 (or false and true) for each token; null where the row has none. */
export function maskOf(
  record: RawRecord,
  name: string | null,
  tokens: number,
): readonly boolean[] | null {
  const value = valueOf(record, name);
  if (name === null || value === null) return null;
  if (!Array.isArray(value)) {
    return refuse(
      record,
      `the column "${name}" must be a list of 0 and 1, found ${
        describe(value)
      }`,
    );
  }
  if (value.length !== tokens) {
    refuse(
      record,
      `the column "${name}" has ${value.length} numbers for ${tokens} tokens`,
    );
  }
  return value.map((bit, t) => {
    if (bit === 1 || bit === true) return true;
    if (bit === 0 || bit === false) return false;
    return refuse(
      record,
      `the column "${name}" has ${
        describe(bit)
      } at token ${t}, expected 0 or 1; numbers of documents go into a column seq_lengths or position_ids`,
    );
  });
}

/** The lengths of documents whose tokens have these positions: 0, 1, 2, ... in each. */
export function lengthsOfPositions(
  record: RawRecord,
  positions: readonly number[],
  name: string,
): number[] {
  const lengths: number[] = [];
  for (const [t, position] of positions.entries()) {
    const expected = lengths.at(-1) ?? 0;
    if (position === 0) lengths.push(1);
    else if (t > 0 && position === expected) lengths[lengths.length - 1]++;
    else {
      refuse(
        record,
        `the column "${name}" has ${position} at token ${t}, expected ${
          t === 0 ? "" : `${expected} or `
        }0; positions count from 0 in each document`,
      );
    }
  }
  return lengths;
}

/** Refuses columns that are not read and look as if they said something of each token. */
export function refuseUnknown(
  record: RawRecord,
  { known, tokens }: {
    readonly known: readonly string[];
    readonly tokens: number;
  },
): void {
  for (const [name, value] of Object.entries(rowOf(record))) {
    if (known.includes(name) || HARMLESS.includes(name)) continue;
    if (!Array.isArray(value) || value.length === 0) continue;
    const isNumeric = value.every((v) =>
      typeof v === "number" || typeof v === "boolean"
    );
    if (!isNumeric) continue;
    if (!TELLING.test(name) && (value.length !== tokens || tokens < 2)) {
      continue;
    }
    refuse(
      record,
      `the column "${name}" has ${value.length} numbers for ${tokens} tokens, as if it said which are trained or where documents begin, and nobody reads it. ` +
        `Name it in the option that fits (completion_mask_field, assistant_masks_field, labels_field, seq_lengths_field, position_ids_field), or in ignore_columns`,
    );
  }
}

/** A column with a weight for each token; null where the row has none. */
export function numbersBeside(
  record: RawRecord,
  name: string | null,
  tokens: number,
): number[] | null {
  const value = valueOf(record, name);
  if (name === null || value === null) return null;
  const isWeight = (w: unknown): w is number =>
    typeof w === "number" && Number.isFinite(w) && w >= 0;
  if (!Array.isArray(value) || !value.every(isWeight)) {
    return refuse(
      record,
      `the column "${name}" must be a list of numbers from 0 up, found ${
        describe(value)
      }`,
    );
  }
  if (value.length === tokens) return value;
  return refuse(
    record,
    `the column "${name}" has ${value.length} numbers for ${tokens} tokens`,
  );
}
