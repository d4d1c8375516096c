/**
 * Typed values: pieces of code that leave one value on the stack. Building a value emits nothing; a value
 * used twice is computed twice, so what is shared goes into a local first.
 *
 * ```ts
 * const sum = f.local("v128", f32x4.splat(f32.const(0)));
 * f.set(sum, f32x4.madd(v128.load(a, 16), v128.load(b, 16), sum));
 * ```
 * @module
 */
import { type Code, unsigned } from "./encoding.ts";

/** Types of values. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Code that computes one value. */
export interface Value<T extends ValueType = ValueType> {
  readonly type: T;
  readonly code: Code;
  /** The number, where it is known when assembling. */
  readonly constant?: number;
}

/** An integer in 64 bits: addresses, counts. */
export type Int = Value<"i64">;
/** Four lanes. */
export type Vector = Value<"v128">;

/** The value that an instruction makes of its operands. */
export function join<T extends ValueType>(
  type: T,
  opcode: Code,
  operands: readonly Value[],
): Value<T> {
  const code: (number | Code)[] = operands.map((operand) => operand.code);
  for (const byte of opcode) code.push(byte);
  return { type, code };
}

/** An instruction of one operand. */
export type Unary<A extends ValueType, R extends ValueType> = (
  a: Value<A>,
) => Value<R>;
/** An instruction of two operands of one type. */
export type Binary<A extends ValueType, R extends ValueType> = (
  a: Value<A>,
  b: Value<A>,
) => Value<R>;

/** The instruction with this opcode. */
export function unary<A extends ValueType, R extends ValueType>(
  type: R,
  ...opcode: number[]
): Unary<A, R> {
  return (a) => join(type, opcode, [a]);
}

/** The instruction with this opcode. */
export function binary<A extends ValueType, R extends ValueType>(
  type: R,
  ...opcode: number[]
): Binary<A, R> {
  return (a, b) => join(type, opcode, [a, b]);
}

/** Alignment hint and offset of a memory instruction. */
function memory(offset: number): number[] {
  return [0, ...unsigned(offset)]; // no alignment is promised: views start anywhere
}

/** The instruction that reads memory at an address, `offset` bytes behind it. */
export function load<T extends ValueType>(
  type: T,
  ...opcode: number[]
): (address: Int, offset?: number) => Value<T> {
  return (address, offset = 0) =>
    join(type, [...opcode, ...memory(offset)], [address]);
}
