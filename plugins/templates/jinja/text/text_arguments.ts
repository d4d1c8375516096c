/**
 * What methods and filters of strings share: their arguments, and white space.
 * @module
 */
import { JinjaError } from "../error.ts";
import { Traced } from "../traced.ts";
import { type Arguments, asWhole, typeName, type Value } from "../values.ts";

const ENDS = "\\n\\r\\v\\f\\x1c-\\x1e\\u2028\\u2029\\u0085";

/** What ends a line, for Python's `splitlines`. */
export const LINE_ENDS: RegExp = new RegExp(`\\r\\n|[${ENDS}]`, "g");

/** White space as Python counts it, for a character class. */
export const SPACE: string =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE_CHARACTER = new RegExp(`[${SPACE}]`);

/** The argument at a place or of a name, or undefined. */
export function argument(
  { positional, named }: Arguments,
  at: number,
  name: string,
): Value {
  return at < positional.length ? positional[at] : named.get(name);
}

/** The whole number at a place or of a name; `fallback` where there is none. */
export function wholeArgument<T>(
  args: Arguments,
  at: number,
  { name, fallback }: { readonly name: string; readonly fallback: T },
): number | T {
  const value = argument(args, at, name);
  if (value === undefined) return fallback;
  const whole = asWhole(value);
  if (whole !== null) return Number(whole);
  throw new JinjaError(
    `'${typeName(value)}' object cannot be interpreted as an integer`,
  );
}

/** The text at a place or of a name. Throws {@linkcode JinjaError} for other values. */
export function textArgument(
  args: Arguments,
  at: number,
  name: string,
  method: string,
): Traced {
  const value = argument(args, at, name);
  if (value instanceof Traced) return value;
  throw new JinjaError(
    `${method}() argument must be str, not ${typeName(value)}`,
  );
}

/** Cuts characters off both ends: white space, or those of `set`. */
export function strip(
  value: Traced,
  set: Value,
  sides: "both" | "left" | "right" = "both",
): Traced {
  if (set !== undefined && set !== null && !(set instanceof Traced)) {
    throw new JinjaError(
      `strip arg must be None or str, not ${typeName(set)}`,
    );
  }
  const cut = (character: string): boolean =>
    set instanceof Traced
      ? set.text.includes(character)
      : SPACE_CHARACTER.test(character);
  let from = 0;
  let to = value.text.length;
  if (sides !== "right") { while (from < to && cut(value.text[from])) from++; }
  if (sides !== "left") { while (to > from && cut(value.text[to - 1])) to--; }
  return value.slice(from, to);
}
