/**
 * Plain data as values of the template language.
 * @module
 */
import { textOfNumber } from "@denotune/denotune/core";
import { type Tag, Traced } from "./traced.ts";
import { Dict, Float, type Key, List, type Value } from "./values.ts";

/** A value: strings become text of the given origin, and numbers keep how they were written. */
export function toValue(data: unknown, tag: Tag = 0): Value {
  switch (typeof data) {
    case "string":
      return Traced.of(data, tag);
    case "boolean":
      return data;
    case "bigint":
      return wholeOf(data);
    case "number":
      return Number.isInteger(data) ? data : new Float(data);
    case "object": {
      if (data === null) return null;
      if (Array.isArray(data)) {
        return new List(data.map((item) => toValue(item, tag)));
      }
      const number = textOfNumber(data);
      if (number !== undefined) return numberOf(number);
      return new Dict(
        new Map(
          Object.entries(data).filter(([, value]) => value !== undefined)
            .map(([key, value]): [Key, Value] => [key, toValue(value, tag)]),
        ),
      );
    }
    default:
      return undefined;
  }
}

/** The number that Python reads from JSON: a float where it has a point or an exponent. */
function numberOf(text: string): Value {
  return /^-?\d{1,4300}$/.test(text)
    ? wholeOf(BigInt(text))
    : new Float(Number(text));
}

/** A whole number, as `number` where that is exact. */
export function wholeOf(whole: bigint): number | bigint {
  const number = Number(whole);
  return Number.isSafeInteger(number) ? number : whole;
}
