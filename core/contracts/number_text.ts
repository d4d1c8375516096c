/**
 * Numbers of data that keep how they were written. JavaScript has one kind of number: `10.0` would come out as
 * `10`, `1234567890123456789` as another number. Where a model is to write such a number (the arguments of a tool
 * call), its text matters.
 * @module
 */

/** The one key of a {@linkcode NumberText}. */
const KEY = "number as written";

/**
 * A number that JavaScript would write otherwise. It is plain data, so that it passes between threads, and occurs
 * only in `RawRecord.exact`, in tools and in arguments of tool calls.
 */
export interface NumberText {
  /** As JSON has it: `10.0`, `1e5`, `1234567890123456789`. */
  readonly "number as written": string;
}

/** A number that keeps its text. */
export function numberText(text: string): NumberText {
  return { [KEY]: text };
}

/** The text of a number that keeps it; undefined for every other value. */
export function textOfNumber(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !(KEY in value)) {
    return undefined;
  }
  const text = value[KEY];
  return typeof text === "string" ? text : undefined;
}

/** Numbers that may be written otherwise: a whole number with a point or an exponent, many digits, minus zero. */
const MAY_DIFFER = /\d\.0*(?!\d)|\d[.\d]*[eE]|[\d.]{16}|-0(?!\.?\d)/;

/**
 * The value of a JSON text in which numbers that JavaScript would write otherwise are {@linkcode NumberText}.
 * Throws as `JSON.parse` does.
 */
export function parseExactJson(text: string): unknown {
  if (!MAY_DIFFER.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    (_key: string, value: unknown, context?: { readonly source?: string }) => {
      const source = context?.source;
      if (typeof value !== "number" || source === undefined) return value;
      // fractions keep their value, and with it what Python writes for them
      if (!Number.isInteger(value)) return value;
      return source === String(value) ? value : numberText(source);
    },
  );
}

/** The same as {@linkcode parseExactJson} of a text whose plain value is known; undefined where they are alike. */
export function exactJson(text: string): unknown {
  if (!MAY_DIFFER.test(text)) return undefined;
  const value = parseExactJson(text);
  return holdsText(value) ? value : undefined;
}

function holdsText(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (textOfNumber(value) !== undefined) return true;
  return Object.values(value).some(holdsText);
}

/** A value without {@linkcode NumberText}: its numbers as JavaScript has them. */
export function plainNumbers(value: unknown): unknown {
  const text = textOfNumber(value);
  if (text !== undefined) return Number(text);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plainNumbers(item)]),
  );
}
