/**
 * Values of one number: integers, addresses, floating point.
 * @module
 */
import { float32, float64, signed } from "./encoding.ts";
import {
  type Binary,
  binary,
  type Int,
  join,
  load,
  type Unary,
  unary,
  type Value,
  type ValueType,
} from "./value.ts";

function integers<T extends "i32" | "i64">(type: T, base: number): {
  /** The number itself; i64 up to 2^53. */
  const(value: number): Value<T>;
  add: Binary<T, T>;
  sub: Binary<T, T>;
  mul: Binary<T, T>;
  divU: Binary<T, T>;
  remU: Binary<T, T>;
  and: Binary<T, T>;
  or: Binary<T, T>;
  xor: Binary<T, T>;
  shl: Binary<T, T>;
  shrU: Binary<T, T>;
  eqz: Unary<T, "i32">;
  eq: Binary<T, "i32">;
  ne: Binary<T, "i32">;
  ltS: Binary<T, "i32">;
  ltU: Binary<T, "i32">;
  gtS: Binary<T, "i32">;
  gtU: Binary<T, "i32">;
  leS: Binary<T, "i32">;
  geS: Binary<T, "i32">;
  geU: Binary<T, "i32">;
} {
  // Comparisons and arithmetic follow each other in the same order for both widths.
  const compare = type === "i32" ? 0x45 : 0x50;
  const arithmetic = base;
  const comparison = (i: number) => binary<T, "i32">("i32", compare + i);
  const operation = (i: number) => binary<T, T>(type, arithmetic + i);
  const make = (value: number): Value<T> => ({
    type,
    code: [
      type === "i32" ? 0x41 : 0x42,
      ...signed(BigInt(type === "i32" ? value | 0 : value)),
    ],
    constant: value,
  });
  const folded = (
    plain: Binary<T, T>,
    fold: (a: number, b: number) => number,
    neutral: number,
    rightOnly = false,
  ): Binary<T, T> =>
  (a, b) => {
    if (a.constant !== undefined && b.constant !== undefined) {
      return make(fold(a.constant, b.constant));
    }
    if (b.constant === neutral) return a;
    if (!rightOnly && a.constant === neutral) return b;
    return plain(a, b);
  };
  return {
    const: make,
    add: folded(operation(0), (a, b) => a + b, 0),
    sub: folded(operation(1), (a, b) => a - b, 0, true),
    mul: folded(
      operation(2),
      (a, b) => type === "i32" ? Math.imul(a, b) : a * b,
      1,
    ),
    divU: folded(operation(4), (a, b) => Math.floor(a / b), 1, true),
    remU: operation(6),
    and: operation(7),
    or: operation(8),
    xor: operation(9),
    shl: operation(10),
    shrU: operation(12),
    eqz: unary("i32", compare),
    eq: comparison(1),
    ne: comparison(2),
    ltS: comparison(3),
    ltU: comparison(4),
    gtS: comparison(5),
    gtU: comparison(6),
    leS: comparison(7),
    geS: comparison(9),
    geU: comparison(10),
  };
}

/** 32-bit integers. */
export const i32 = {
  ...integers("i32", 0x6a),
  load: load("i32", 0x28),
  load16U: load("i32", 0x2f),
  load8U: load("i32", 0x2d),
  wrap: unary<"i64", "i32">("i32", 0xa7),
  /** The bits of a float32. */
  bits: unary<"f32", "i32">("i32", 0xbc),
  /** Atomic load. */
  atomicLoad: (address: Int): Value<"i32"> =>
    join("i32", [0xfe, 0x10, 2, 0], [address]),
  /** Adds and gives what was there before. */
  atomicAdd: (address: Int, by: Value<"i32">): Value<"i32"> =>
    join("i32", [0xfe, 0x1e, 2, 0], [address, by]),
  /** Sleeps while the cell holds `expected`. */
  wait: (address: Int, expected: Value<"i32">): Value<"i32"> =>
    join("i32", [0xfe, 0x01, 2, 0], [address, expected, i64.const(-1)]),
  /** Wakes all that sleep on the cell; gives how many. */
  notifyAll: (address: Int): Value<"i32"> =>
    join("i32", [0xfe, 0x00, 2, 0], [address, i32.const(-1)]),
};

/** 64-bit integers, and addresses. */
export const i64 = {
  ...integers("i64", 0x7c),
  load: load("i64", 0x29),
  /** A signed 32-bit integer of memory. */
  load32S: load("i64", 0x34),
  extendU: unary<"i32", "i64">("i64", 0xad),
  extendS: unary<"i32", "i64">("i64", 0xac),
  fromF64: unary<"f64", "i64">("i64", 0xb0),
  /** The smaller; each operand is computed twice. */
  min: (a: Int, b: Int): Int =>
    a.constant !== undefined && b.constant !== undefined
      ? i64.const(Math.min(a.constant, b.constant))
      : select(i64.ltS(a, b), a, b),
  /** The larger; each operand is computed twice. */
  max: (a: Int, b: Int): Int => select(i64.gtS(a, b), a, b),
  /** Up to the next multiple, in units: ceil(a / b). */
  ceilDiv: (a: Int, b: number): Int =>
    i64.divU(i64.add(a, i64.const(b - 1)), i64.const(b)),
};

/** Single precision numbers. */
export const f32 = {
  const: (value: number): Value<"f32"> => ({
    type: "f32",
    code: [0x43, ...float32(value)],
    constant: value,
  }),
  load: load("f32", 0x2a),
  add: binary<"f32", "f32">("f32", 0x92),
  sub: binary<"f32", "f32">("f32", 0x93),
  mul: binary<"f32", "f32">("f32", 0x94),
  div: binary<"f32", "f32">("f32", 0x95),
  max: binary<"f32", "f32">("f32", 0x97),
  gt: binary<"f32", "i32">("i32", 0x5e),
  ne: binary<"f32", "i32">("i32", 0x5c),
  fromBits: unary<"i32", "f32">("f32", 0xbe),
  fromI32: unary<"i32", "f32">("f32", 0xb2),
  demote: unary<"f64", "f32">("f32", 0xb6),
};

/** Double precision numbers. */
export const f64 = {
  const: (value: number): Value<"f64"> => ({
    type: "f64",
    code: [0x44, ...float64(value)],
    constant: value,
  }),
  load: load("f64", 0x2b),
  add: binary<"f64", "f64">("f64", 0xa0),
  promote: unary<"f32", "f64">("f64", 0xbb),
  fromI64: unary<"i64", "f64">("f64", 0xb9),
};

/** `a` where the condition is not 0, else `b`; both are computed. */
export function select<T extends Exclude<ValueType, "v128">>(
  condition: Value<"i32">,
  a: Value<T>,
  b: Value<T>,
): Value<T> {
  return join(a.type, [0x1b], [a, b, condition]);
}
