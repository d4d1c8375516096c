/**
 * Tests: what may follow `is`, and what `select` and its like take.
 * @module
 */
import { JinjaError } from "./error.ts";
import { toText } from "./text/print.ts";
import { Traced } from "./traced.ts";
import {
  type Arguments,
  asNumber,
  asWhole,
  Callable,
  compare,
  Dict,
  Float,
  isEqual,
  iterate,
  keyOf,
  List,
  Stream,
  typeName,
  type Value,
} from "./values.ts";

type Test = (value: Value, argument: Value) => boolean;

/** `value % by` as a number; both must be numbers. */
function rest(value: Value, by: number): number {
  const number = asNumber(value);
  if (number === null) {
    throw new JinjaError(
      value instanceof Traced
        ? "not all arguments converted during string formatting"
        : `unsupported operand type(s) for %: '${typeName(value)}' and 'int'`,
    );
  }
  const whole = asWhole(value);
  if (typeof whole === "bigint") return Number(whole % BigInt(by));
  if (by === 0) throw new JinjaError("integer modulo by zero");
  return ((number % by) + by) % by;
}

/** Whether a value is in a list, a text or the keys of a dict. */
export function contains(container: Value, value: Value): boolean {
  if (container instanceof Traced) {
    if (value instanceof Traced) return container.text.includes(value.text);
    throw new JinjaError(
      `'in <string>' requires string as left operand, not ${typeName(value)}`,
    );
  }
  if (container instanceof Dict) return container.has(keyOf(value));
  if (
    container === undefined || container instanceof List ||
    container instanceof Stream
  ) return iterate(container).some((item) => isEqual(item, value));
  throw new JinjaError(
    `argument of type '${typeName(container)}' is not iterable`,
  );
}

function isIterable(value: Value): boolean {
  return value === undefined || value instanceof Traced ||
    value instanceof List || value instanceof Stream || value instanceof Dict;
}

const letters = /\p{L}/u;

const TESTS: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === "number" || typeof value === "bigint",
  float: (value) => value instanceof Float,
  number: (value) => asNumber(value) !== null,
  string: (value) => value instanceof Traced,
  mapping: (value) => value instanceof Dict,
  iterable: isIterable,
  // views of dicts have a length but no places
  sequence: (value) =>
    isIterable(value) && !(value instanceof Stream) &&
    !(value instanceof List && value.kind.startsWith("dict_")),
  callable: (value) => value instanceof Callable,
  odd: (value) => rest(value, 2) === 1,
  even: (value) => rest(value, 2) === 0,
  divisibleby: (value, by) => rest(value, asNumber(by) ?? 0) === 0,
  upper: (value) => {
    const { text } = toText(value);
    return letters.test(text) && text === text.toUpperCase() &&
      text !== text.toLowerCase();
  },
  lower: (value) => {
    const { text } = toText(value);
    return letters.test(text) && text === text.toLowerCase() &&
      text !== text.toUpperCase();
  },
  eq: isEqual,
  ne: (value, other) => !isEqual(value, other),
  lt: (value, other) => compare(value, other, "<") < 0,
  le: (value, other) => compare(value, other, "<=") <= 0,
  gt: (value, other) => compare(value, other, ">") > 0,
  ge: (value, other) => compare(value, other, ">=") >= 0,
  in: (value, container) => contains(container, value),
  sameas: (value, other) =>
    value === other ||
    (value instanceof Traced && other instanceof Traced &&
      value.text === other.text),
  escaped: () => false,
};

const ALIASES: Readonly<Record<string, string>> = {
  equalto: "eq",
  "==": "eq",
  "!=": "ne",
  lessthan: "lt",
  "<": "lt",
  "<=": "le",
  greaterthan: "gt",
  ">": "gt",
  ">=": "ge",
};

/** Whether there is a test of this name. */
export function isTest(name: string): boolean {
  return Object.hasOwn(TESTS, ALIASES[name] ?? name);
}

/** Runs a test by name. */
export function runTest(
  name: string,
  value: Value,
  { positional }: Pick<Arguments, "positional">,
): boolean {
  const known = ALIASES[name] ?? name;
  if (!Object.hasOwn(TESTS, known)) {
    throw new JinjaError(`No test named '${name}'.`);
  }
  return TESTS[known](value, positional[0]);
}
