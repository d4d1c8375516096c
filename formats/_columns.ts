/**
 * Reads columns of a row, by name or by path (`instances.0.output`), with errors that say what the row
 * has instead.
 * @module
 */
import {
  DataError,
  describeWhere,
  type Message,
  type RawRecord,
} from "@denotune/denotune/core";
import { z } from "zod";

/** A column's name in the options, and what the run file calls that option. */
export interface Column {
  /** Name or path of the column. */
  readonly name: string;
  /** The option that renames it: `output_field`. */
  readonly option: string;
}

/** Schema of an option that names a column. */
export function columnOption(
  name: string,
  meaning: string,
): z.ZodDefault<z.ZodString> {
  return z.string().min(1).default(name).describe(
    `Column of ${meaning}; a.0.b reaches into objects and lists`,
  );
}

/** Schema of an option that names a column which may be absent. */
export function optionalColumn(
  name: string,
  meaning: string,
): z.ZodDefault<z.ZodNullable<z.ZodString>> {
  return z.string().min(1).nullable().default(name).describe(
    `Column of ${meaning}, where a row has it; null to ignore it`,
  );
}

/** Schema of the option `lenient`. */
export const lenientOption: z.ZodDefault<z.ZodBoolean> = z.boolean().default(
  false,
).describe(
  "Read a missing answer as an empty one, and (of turns) a missing role as the user's and missing content as empty; by default such rows are refused",
);

/** Whether a value is a plain object. */
export function isObject(
  value: unknown,
): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws a `DataError` about a row. */
export function refuse(record: RawRecord, what: string): never {
  throw new DataError(`${describeWhere(record.where)}: ${what}`);
}

/** What a value is, in a few words: `number 3`, `list of 2`, `string "abc"`. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return `an object with ${keysOf(value)}`;
  const text = JSON.stringify(value);
  return `the ${typeof value} ${
    text.length > 40 ? `${text.slice(0, 40)}...` : text
  }`;
}

function keysOf(value: object): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return "no columns";
  return keys.slice(0, 12).join(", ") +
    (keys.length > 12 ? `, ... (${keys.length})` : "");
}

/** The value of a column; undefined where there is none. A name with dots is taken whole before it is taken as a path. */
export function valueAt(row: unknown, name: string): unknown {
  if (isObject(row) && Object.hasOwn(row, name)) return row[name];
  let value: unknown = row;
  for (const step of name.split(".")) {
    if (Array.isArray(value) && /^\d+$/.test(step)) value = value[Number(step)];
    else if (isObject(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

/** The row as an object. */
export function rowOf(record: RawRecord): Readonly<Record<string, unknown>> {
  if (isObject(record.value)) return record.value;
  return refuse(
    record,
    `expected a row with named columns, found ${describe(record.value)}`,
  );
}

/** The record with its numbers as they were written, for what holds tools and their calls. */
export function exactRecord(record: RawRecord): RawRecord {
  return record.exact === undefined
    ? record
    : { ...record, value: record.exact };
}

/** The value of a column that must be there. */
export function required(record: RawRecord, column: Column): unknown {
  const row = rowOf(record);
  const value = valueAt(row, column.name);
  if (value === undefined || value === null) {
    refuse(
      record,
      `the column "${column.name}" is ${
        value === null ? "null" : "missing"
      }; the row has ${
        keysOf(row)
      }. Set ${column.option} to the column to read, or complete the row`,
    );
  }
  return value;
}

/** A column that must hold text. */
export function textAt(record: RawRecord, column: Column): string {
  const value = required(record, column);
  if (typeof value === "string") return value;
  return refuse(
    record,
    `the column "${column.name}" must be text, found ${describe(value)}`,
  );
}

/** Text, or a list of texts joined with a blank line. `lenient`: "" where there is none. */
export function textsAt(
  record: RawRecord,
  { lenient = false, ...column }: Column & { readonly lenient?: boolean },
): string {
  if (lenient && (valueAt(rowOf(record), column.name) ?? null) === null) {
    return "";
  }
  const value = required(record, column);
  if (typeof value === "string") return value;
  if (
    Array.isArray(value) && value.length > 0 &&
    value.every((v) => typeof v === "string")
  ) {
    return value.join("\n\n");
  }
  return refuse(
    record,
    `the column "${column.name}" must be text or a list of texts, found ${
      describe(value)
    }`,
  );
}

/** Text of a column that may be absent or null; empty text counts as absent. */
export function optionalText(
  record: RawRecord,
  name: string | null,
): string | undefined {
  if (name === null) return undefined;
  const value = valueAt(rowOf(record), name);
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  return refuse(
    record,
    `the column "${name}" must be text, found ${describe(value)}`,
  );
}

/** The option `system_field` of rows that may have a system prompt. */
export function systemOption(): z.ZodDefault<z.ZodNullable<z.ZodString>> {
  return optionalColumn("system", "the system prompt");
}

/** A conversation behind the system prompt of its row, unless it begins with one. */
export function behindSystem(
  record: RawRecord,
  name: string | null,
  turns: readonly Message[],
): readonly Message[] {
  const content = optionalText(record, name);
  return content === undefined || turns[0]?.role === "system"
    ? turns
    : [{ role: "system", content }, ...turns];
}

/** `id` and `category` of a row, where it has them. Numbers are written as text. */
export function infoOf(record: RawRecord): { id?: string; category?: string } {
  if (!isObject(record.value)) return {};
  const info: { id?: string; category?: string } = {};
  for (const key of ["id", "category"] as const) {
    const value = record.value[key];
    if (typeof value === "string" || typeof value === "number") {
      info[key] = String(value);
    }
  }
  return info;
}

/** Whether a row has text (or a list of texts) in a column: for `recognises`. */
export function hasText(row: unknown, name: string): boolean {
  const value = valueAt(row, name);
  return typeof value === "string" ||
    (Array.isArray(value) && value.length > 0 &&
      value.every((v) => typeof v === "string"));
}
