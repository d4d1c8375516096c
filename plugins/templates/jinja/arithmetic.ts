/**
 * Operators on numbers, texts and lists, by Python's rules.
 * @module
 */
import { formatText } from "./methods.ts";
import { joinTraced, Traced } from "./traced.ts";
import {
  asNumber,
  Float,
  isTrue,
  JinjaError,
  lengthOf,
  List,
  typeName,
  type Value,
} from "./values.ts";

/** `-a`, `+a` and `not a`. */
export function unary(operator: string, value: Value): Value {
  if (operator === "not") return !isTrue(value);
  const number = asNumber(value);
  if (number === null) {
    throw new JinjaError(
      `bad operand type for unary ${operator}: '${typeName(value)}'`,
    );
  }
  const signed = operator === "-" ? -number : number;
  return value instanceof Float ? new Float(signed) : signed;
}

/** `a operator b` for numbers, and for what Python lets `+`, `*` and `%` join, repeat and fill in. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  const a = asNumber(left);
  const b = asNumber(right);
  if (a !== null && b !== null) {
    const result = calculate(operator, a, b);
    const float = operator === "/" || left instanceof Float ||
      right instanceof Float;
    return float || !Number.isInteger(result) ? new Float(result) : result;
  }
  if (operator === "+" && left instanceof Traced) {
    if (right instanceof Traced) {
      return joinTraced([left, right], Traced.of(""));
    }
    throw new JinjaError(
      `can only concatenate str (not "${typeName(right)}") to str`,
    );
  }
  if (operator === "+" && left instanceof List && right instanceof List) {
    return new List([...left.items, ...right.items], left.tuple);
  }
  if (operator === "%" && left instanceof Traced) {
    return formatText(
      left,
      right instanceof List && right.tuple ? right.items : [right],
    );
  }
  if (operator === "*" && left instanceof Traced && b !== null) {
    return joinTraced(
      Array.from({ length: Math.max(0, b) }, () => left),
      Traced.of(""),
    );
  }
  if (operator === "*" && left instanceof List && b !== null) {
    return new List(
      Array.from(
        { length: Math.max(0, b) * lengthOf(left) },
        (_, i) => left.items[i % left.items.length],
      ),
    );
  }
  throw new JinjaError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${
      typeName(right)
    }'`,
  );
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
    case "%":
      return a - b * Math.floor(a / b);
    case "**":
      return a ** b;
    default:
      throw new JinjaError(`unknown operator ${operator}`);
  }
}
