/**
 * Expressions by plain arithmetic: the witness of what backends make of them.
 * @module
 */
import type { Expression } from "@denotune/denotune/core";

/** The value of an elementwise expression; `read` gives input number `input`, element `index` of scalars. */
export function evaluate(
  e: Expression,
  read: (input: number, index: number | undefined) => number,
): number {
  const of = (part: Expression) => evaluate(part, read);
  switch (e.kind) {
    case "input":
      return read(e.input, e.index);
    case "constant":
      return e.value;
    case "select":
      return of(e.condition) !== 0 ? of(e.a) : of(e.b);
    case "unary": {
      const a = of(e.a);
      switch (e.op) {
        case "neg":
          return -a;
        case "rsqrt":
          return 1 / Math.sqrt(a);
        case "reciprocal":
          return 1 / a;
        case "sigmoid":
          return 1 / (1 + Math.exp(-a));
        case "erf":
          return erf(a);
        case "isFinite":
          return Number.isFinite(a) ? 1 : 0;
        default:
          return Math[e.op](a);
      }
    }
    case "binary": {
      const [a, b] = [of(e.a), of(e.b)];
      switch (e.op) {
        case "add":
          return a + b;
        case "sub":
          return a - b;
        case "mul":
          return a * b;
        case "div":
          return a / b;
        case "min":
          return Math.min(a, b);
        case "max":
          return Math.max(a, b);
        case "lt":
          return a < b ? 1 : 0;
        case "le":
          return a <= b ? 1 : 0;
        case "eq":
          return a === b ? 1 : 0;
      }
      break;
    }
    default:
      throw new RangeError(`${e.kind} is not elementwise`);
  }
  throw new RangeError("unknown expression");
}

/** The error function by its series: exact to 1e-15 where |x| < 3. */
function erf(x: number): number {
  // beyond 4 the series loses its digits; erf(4) is 1 within 2e-8, erf(6) to the last bit
  if (Math.abs(x) >= 6) return Math.sign(x);
  let sum = 0;
  let term = x;
  for (let n = 0; n < 100; n++) {
    sum += term / (2 * n + 1);
    term *= -x * x / (n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}
