/**
 * Texts as numbers: Python's `int()` and `float()`.
 * @module
 */
import { JinjaError } from "../error.ts";
import { wholeOf } from "../to_value.ts";
import { Traced } from "../traced.ts";
import { asNumber, asWhole, Float, type Value } from "../values.ts";

const WHOLE = /^[+-]?\d+(?:_\d+)*$/;
const FLOAT =
  /^[+-]?(?:(?:\d+(?:_\d+)*)?\.?\d+(?:_\d+)*|\d+(?:_\d+)*\.)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
const PREFIXES: Readonly<Record<number, string>> = {
  2: "0b",
  8: "0o",
  16: "0x",
};

/** The whole number of a value, as the filter `int` makes it. */
export function toWhole(
  value: Value,
  { fallback, base }: { readonly fallback: Value; readonly base: number },
): Value {
  refuseUndefined(value);
  if (value instanceof Traced) {
    const text = value.text.trim();
    const whole = base === 10
      ? WHOLE.test(text) ? BigInt(plain(text)) : null
      : inBase(text, base);
    if (whole !== null) return wholeOf(whole);
  }
  const whole = asWhole(value);
  if (whole !== null) return whole;
  const float = floatOf(value);
  return float === null || !Number.isFinite(float)
    ? fallback
    : wholeOf(BigInt(Math.trunc(float)));
}

/** The float of a value, as the filter `float` makes it. */
export function toFloat(value: Value, fallback: Value): Value {
  refuseUndefined(value);
  const float = floatOf(value);
  return float === null ? fallback : new Float(float);
}

function refuseUndefined(value: Value): void {
  if (value === undefined) throw new JinjaError("the value is undefined");
}

function floatOf(value: Value): number | null {
  if (!(value instanceof Traced)) return asNumber(value);
  const text = value.text.trim();
  if (FLOAT.test(text)) return Number(plain(text));
  const name = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (name === null) return null;
  if (name[2].toLowerCase() === "nan") return NaN;
  return name[1] === "-" ? -Infinity : Infinity;
}

function plain(text: string): string {
  return text.replaceAll("_", "").replace(/^\+/, "");
}

function inBase(text: string, base: number): bigint | null {
  const negative = text.startsWith("-");
  let digits = text.replace(/^[+-]/, "").toLowerCase();
  const prefix = PREFIXES[base];
  if (prefix !== undefined && digits.startsWith(prefix)) {
    digits = digits.slice(2);
  }
  digits = digits.replaceAll("_", "");
  if (digits === "") return null;
  let whole = 0n;
  for (const digit of digits) {
    const value = DIGITS.indexOf(digit);
    if (value < 0 || value >= base) return null;
    whole = whole * BigInt(base) + BigInt(value);
  }
  return negative ? -whole : whole;
}
