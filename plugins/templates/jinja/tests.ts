/**
 * Tests: what may follow `is`, and what `select` and its like take.
 * @module
 */
import { Traced } from "./traced.ts";
import {
  asNumber,
  Callable,
  compare,
  Dict,
  Float,
  isEqual,
  iterate,
  JinjaError,
  keyOf,
  List,
  typeName,
  type Value,
} from "./values.ts";

type Test = (value: Value, argument: Value) => boolean;

function whole(value: Value, test: string): number {
  const number = asNumber(value);
  if (number === null) {
    throw new JinjaError(`'${test}' needs a number, not ${typeName(value)}`);
  }
  return number;
}

/** Whether a value is in a list, a text or the keys of a dict. */
export function contains(container: Value, value: Value): boolean {
  if (container instanceof Traced) {
    if (value instanceof Traced) return container.text.includes(value.text);
    throw new JinjaError(
      `'in <string>' requires string as left operand, not ${typeName(value)}`,
    );
  }
  if (container instanceof Dict) {
    return container.entries.has(keyOf(value));
  }
  if (container === null || asNumber(container) !== null) {
    throw new JinjaError(
      `argument of type '${typeName(container)}' is not iterable`,
    );
  }
  return iterate(container).some((item) => isEqual(item, value));
}

const TESTS: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === "number",
  float: (value) => value instanceof Float,
  number: (value) => asNumber(value) !== null,
  string: (value) => value instanceof Traced,
  mapping: (value) => value instanceof Dict,
  iterable: (value) =>
    value === undefined || value instanceof Traced || value instanceof List ||
    value instanceof Dict,
  sequence: (value) =>
    value === undefined || value instanceof Traced || value instanceof List ||
    value instanceof Dict,
  callable: (value) => value instanceof Callable,
  odd: (value) => Math.abs(whole(value, "odd") % 2) === 1,
  even: (value) => whole(value, "even") % 2 === 0,
  divisibleby: (value, by) =>
    whole(value, "divisibleby") % whole(by, "divisibleby") === 0,
  upper: (value) =>
    value instanceof Traced && value.text !== value.text.toLowerCase() &&
    value.text === value.text.toUpperCase(),
  lower: (value) =>
    value instanceof Traced && value.text !== value.text.toUpperCase() &&
    value.text === value.text.toLowerCase(),
  eq: isEqual,
  ne: (value, other) => !isEqual(value, other),
  lt: (value, other) => compare(value, other, "<") < 0,
  le: (value, other) => compare(value, other, "<=") <= 0,
  gt: (value, other) => compare(value, other, ">") > 0,
  ge: (value, other) => compare(value, other, ">=") >= 0,
  in: (value, container) => contains(container, value),
  sameas: (value, other) => value === other,
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

/** Runs a test by name. */
export function runTest(
  name: string,
  value: Value,
  argument: Value = undefined,
): boolean {
  const test = TESTS[ALIASES[name] ?? name];
  if (test === undefined) throw new JinjaError(`No test named '${name}'.`);
  return test(value, argument);
}
