/**
 * Operators on numbers, texts and lists, by Python's rules.
 * @module
 */
import { BudgetError, JinjaError } from "./error.ts";
import { formatPercent } from "./text/format.ts";
import { joinTraced, repeated, Traced } from "./traced.ts";
import { wholeOf } from "./to_value.ts";
import {
  asNumber,
  asWhole,
  Float,
  List,
  typeName,
  type Value,
} from "./values.ts";

/** Items of the longest list that `+` and `*` may make. */
const MAX_ITEMS = 1_000_000;
/** Bits of the largest power that is computed. */
const MAX_POWER_BITS = 100_000;

/** `-a` and `+a`. */
export function unary(operator: string, value: Value): Value {
  const whole = asWhole(value);
  if (whole !== null) return operator === "-" ? negated(whole) : whole;
  if (value instanceof Float) {
    return operator === "-" ? new Float(-value.value) : value;
  }
  throw new JinjaError(
    `bad operand type for unary ${operator}: '${typeName(value)}'`,
  );
}

function negated(whole: number | bigint): number | bigint {
  return whole === 0 ? 0 : -whole;
}

/** `a operator b` for numbers, and for what Python lets `+`, `*` and `%` join, repeat and fill in. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  if (operator === "%" && left instanceof Traced) {
    return formatPercent(left, right);
  }
  const x = asWhole(left);
  const y = asWhole(right);
  if (x !== null && y !== null) return calculateWhole(operator, x, y);
  const a = asNumber(left);
  const b = asNumber(right);
  if (a !== null && b !== null) return new Float(calculate(operator, a, b));
  if (operator === "+") {
    if (left instanceof Traced && right instanceof Traced) {
      return joinTraced([left, right], Traced.of(""));
    }
    if (left instanceof Traced) {
      throw new JinjaError(
        `can only concatenate str (not "${typeName(right)}") to str`,
      );
    }
    if (
      left instanceof List && right instanceof List &&
      left.kind === right.kind &&
      (left.kind === "list" || left.kind === "tuple")
    ) {
      checkLength(left.items.length + right.items.length);
      return new List([...left.items, ...right.items], left.kind);
    }
  }
  if (operator === "*") {
    if (y !== null) return times(left, Number(y), right);
    if (x !== null) return times(right, Number(x), left);
  }
  throw unsupported(operator, left, right);
}

function times(value: Value, count: number, by: Value): Value {
  if (value instanceof Traced) {
    if (count <= 0) return Traced.of("");
    if (value.runs.length === 1) {
      const [{ tag, turn }] = value.runs;
      return Traced.of(repeated(value.text, count), tag, turn);
    }
    repeated(value.text, count); // refuses what would be too long
    return joinTraced(
      Array.from({ length: count }, () => value),
      Traced.of(""),
    );
  }
  if (
    value instanceof List && (value.kind === "list" || value.kind === "tuple")
  ) {
    const { items } = value;
    const length = Math.max(0, count) * items.length;
    checkLength(length);
    return new List(
      Array.from({ length }, (_, i) => items[i % items.length]),
      value.kind,
    );
  }
  throw unsupported("*", value, by);
}

function checkLength(items: number): void {
  if (items <= MAX_ITEMS) return;
  throw new BudgetError(`it makes a list of more than ${MAX_ITEMS} items`);
}

function unsupported(operator: string, left: Value, right: Value): JinjaError {
  const shown = operator === "**" ? "** or pow()" : operator;
  return new JinjaError(
    `unsupported operand type(s) for ${shown}: '${typeName(left)}' and '${
      typeName(right)
    }'`,
  );
}

function calculateWhole(
  operator: string,
  a: number | bigint,
  b: number | bigint,
): Value {
  if (operator === "/" || (operator === "**" && b < 0)) {
    return new Float(calculate(operator, Number(a), Number(b)));
  }
  if (typeof a === "number" && typeof b === "number") {
    const exact = calculate(operator, a, b);
    if (Number.isSafeInteger(exact)) return exact === 0 ? 0 : exact;
  }
  const x = BigInt(a);
  const y = BigInt(b);
  switch (operator) {
    case "+":
      return wholeOf(x + y);
    case "-":
      return wholeOf(x - y);
    case "*":
      return wholeOf(x * y);
    case "//":
      return wholeOf(floorDivide(x, y));
    case "%":
      return wholeOf(x - y * floorDivide(x, y));
    default:
      return power(x, y);
  }
}

function power(base: bigint, exponent: bigint): Value {
  const bits = BigInt(base.toString(2).length) * exponent;
  if (bits > BigInt(MAX_POWER_BITS)) {
    throw new BudgetError(
      `it computes a power of more than ${MAX_POWER_BITS} bits`,
    );
  }
  return wholeOf(base ** exponent);
}

function floorDivide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new JinjaError("integer division or modulo by zero");
  const quotient = a / b;
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
}

function calculate(operator: string, a: number, b: number): number {
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) {
    throw new JinjaError("division by zero");
  }
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return Math.floor(a / b);
    case "%": {
      const rest = a % b; // of the dividend's sign; Python's has the divisor's
      return rest !== 0 && (rest < 0) !== (b < 0) ? rest + b : rest;
    }
    default:
      return a ** b;
  }
}
