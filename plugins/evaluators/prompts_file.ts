/**
 * Rows of a file of an evaluator's own: JSON Lines, a JSON list, or a text with one prompt a line.
 * @module
 */
import {
  ConfigError,
  isPlainObject,
  messageOf,
  readTextUpTo,
} from "@denotune/denotune/core";

/** Bytes of a file that is read whole. */
const MOST_BYTES = 100e6;

/** The rows; a line of text becomes `{prompt}`. Throws `ConfigError` that names the file and the line. */
export function readRowsFile(path: string): Record<string, unknown>[] {
  let text: string;
  try {
    text = readTextUpTo(path, MOST_BYTES);
  } catch (cause) {
    throw new ConfigError(`Cannot read ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (/\.json$/i.test(path)) {
    const rows = parsed(text, path);
    if (!Array.isArray(rows)) {
      throw new ConfigError(`${path} is no list: expected [{...}, ...]`);
    }
    return rows.map((row: unknown, i) => rowOf(row, `${path}, row ${i + 1}`));
  }
  const isText = !/\.jsonl$/i.test(path);
  return text.split(/\r?\n/).flatMap((line, i) =>
    line.trim() === ""
      ? []
      : isText
      ? [{ prompt: line }]
      : [rowOf(parsed(line, `${path}:${i + 1}`), `${path}:${i + 1}`)]
  );
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${where} is no JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function rowOf(row: unknown, where: string): Record<string, unknown> {
  if (typeof row === "string") return { prompt: row };
  if (!isPlainObject(row)) {
    throw new ConfigError(`${where} is no row: expected {"prompt": "..."}`);
  }
  return row;
}

/** A text of a row under one of several names. Throws `ConfigError`. */
export function textOf(
  row: Readonly<Record<string, unknown>>,
  names: readonly string[],
  where: string,
): string {
  for (const name of names) {
    const value = row[name];
    if (typeof value === "string") return value;
  }
  throw new ConfigError(
    `${where} has no ${names.map((n) => `"${n}"`).join(" or ")}; it has ${
      Object.keys(row).map((n) => `"${n}"`).join(", ") || "nothing"
    }`,
  );
}
