/**
 * The operations of expressions as SIMD code.
 * @module
 */
import type { BinaryOp, UnaryOp } from "@denotune/denotune/device";
import { f32x4, type FunctionBuilder, type Vector } from "../assembler/mod.ts";
import { erf, exp, isFinite, log, sign, tanh } from "../simd_math.ts";

/** An operation of one operand. Not a sigmoid: the emitter shares a part of it with 1 - sigmoid. */
export function unary(
  f: FunctionBuilder,
  op: Exclude<UnaryOp, "sigmoid">,
  a: Vector,
): Vector {
  switch (op) {
    case "neg":
      return f32x4.neg(a);
    case "abs":
      return f32x4.abs(a);
    case "exp":
      return exp(f, a);
    case "log":
      return log(f, a);
    case "sqrt":
      return f32x4.sqrt(a);
    case "rsqrt":
      return f32x4.div(f32x4.const(1), f32x4.sqrt(a));
    case "reciprocal":
      return f32x4.div(f32x4.const(1), a);
    case "tanh":
      return tanh(f, a);
    case "erf":
      return erf(f, a);
    case "sign":
      return sign(f, a);
    case "floor":
      return f32x4.floor(a);
    case "isFinite":
      return isFinite(f, a);
  }
}

/** All ones where a comparison is true; null: the operation is none. */
export function comparison(op: BinaryOp, a: Vector, b: Vector): Vector | null {
  return op === "lt"
    ? f32x4.lt(a, b)
    : op === "le"
    ? f32x4.le(a, b)
    : op === "eq"
    ? f32x4.eq(a, b)
    : null;
}

/** An operation of two operands that is no comparison. */
export function arithmetic(op: BinaryOp, a: Vector, b: Vector): Vector {
  switch (op) {
    case "add":
      return f32x4.add(a, b);
    case "sub":
      return f32x4.sub(a, b);
    case "mul":
      return f32x4.mul(a, b);
    case "div":
      return f32x4.div(a, b);
    case "min":
      return f32x4.min(a, b);
    case "max":
      return f32x4.max(a, b);
    default:
      throw new TypeError(`${op} is a comparison`);
  }
}
