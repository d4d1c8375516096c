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
import {
  type Code,
  float32,
  float64,
  signed,
  unsigned,
  VECTOR,
} from "./encoding.ts";

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

function join<T extends ValueType>(
  type: T,
  opcode: Code,
  operands: readonly Value[],
): Value<T> {
  const code: (number | Code)[] = operands.map((operand) => operand.code);
  for (const byte of opcode) code.push(byte);
  return { type, code };
}

type Unary<A extends ValueType, R extends ValueType> = (
  a: Value<A>,
) => Value<R>;
type Binary<A extends ValueType, R extends ValueType> = (
  a: Value<A>,
  b: Value<A>,
) => Value<R>;
type Ternary<A extends ValueType, R extends ValueType> = (
  a: Value<A>,
  b: Value<A>,
  c: Value<A>,
) => Value<R>;

function unary<A extends ValueType, R extends ValueType>(
  type: R,
  ...opcode: number[]
): Unary<A, R> {
  return (a) => join(type, opcode, [a]);
}
function binary<A extends ValueType, R extends ValueType>(
  type: R,
  ...opcode: number[]
): Binary<A, R> {
  return (a, b) => join(type, opcode, [a, b]);
}

/** Opcode of a SIMD instruction. */
function simd(number: number): number[] {
  return [0xfd, ...unsigned(number)];
}
function vector1(number: number): Unary<"v128", "v128"> {
  return unary("v128", ...simd(number));
}
function vector2(number: number): Binary<"v128", "v128"> {
  return binary("v128", ...simd(number));
}
function vector3(number: number): Ternary<"v128", "v128"> {
  const opcode = simd(number);
  return (a, b, c) => join("v128", opcode, [a, b, c]);
}
function shift(number: number): (a: Vector, by: number) => Vector {
  return (a, by) => join("v128", simd(number), [a, i32.const(by)]);
}

/** Zeros and ones are made by one instruction; other vectors are kept in locals. */
function vectorConstant(bytes: readonly number[]): number[] {
  const plain = bytes.every((b) => b === 0) || bytes.every((b) => b === 255);
  return plain ? [...simd(12), ...bytes] : [VECTOR, ...bytes];
}

/** Alignment hint and offset of a memory instruction. */
function memory(offset: number): number[] {
  return [0, ...unsigned(offset)]; // no alignment is promised: views start anywhere
}
function load<T extends ValueType>(
  type: T,
  ...opcode: number[]
): (address: Int, offset?: number) => Value<T> {
  return (address, offset = 0) =>
    join(type, [...opcode, ...memory(offset)], [address]);
}

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

/** Vectors as bits, and their memory. */
export const v128 = {
  load: load("v128", ...simd(0)),
  /** Eight signed bytes, widened to 16 bits. */
  load8x8S: load("v128", ...simd(1)),
  /** Eight bytes in the low half, zeros above. */
  load64Zero: load("v128", ...simd(93)),
  /** Four unsigned 16-bit numbers, widened to 32 bits. */
  load16x4U: load("v128", ...simd(4)),
  /** One 32-bit number in all four lanes. */
  load32Splat: load("v128", ...simd(9)),
  const32: (lanes: readonly number[]): Vector => ({
    type: "v128",
    code: vectorConstant([...new Uint8Array(new Int32Array(lanes).buffer)]),
  }),
  not: vector1(77),
  and: vector2(78),
  /** a and not b */
  andNot: vector2(79),
  or: vector2(80),
  xor: vector2(81),
  /**
   * 32-bit lanes of `a` where those of the mask are all ones, of `b` where they are all zeros: one instruction, where
   * a choice bit by bit takes three. A lane of both ones and zeros gives what depends on the processor.
   */
  select: (a: Vector, b: Vector, mask: Vector): Vector =>
    join("v128", simd(0x10b), [a, b, mask]),
  anyTrue: unary<"v128", "i32">("i32", ...simd(83)),
  /** Bytes of two vectors: 0..15 of `a`, 16..31 of `b`. */
  shuffle8: (a: Vector, b: Vector, lanes: readonly number[]): Vector =>
    join("v128", [...simd(13), ...lanes], [a, b]),
  /** Lanes of two vectors as 32-bit words: 0..3 of `a`, 4..7 of `b`. */
  shuffle32: (a: Vector, b: Vector, lanes: readonly number[]): Vector =>
    join("v128", [
      ...simd(13),
      ...lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]),
    ], [a, b]),
  /** Low 16 bits of the eight 32-bit words of `a`, then `b`. */
  pack16: (a: Vector, b: Vector): Vector =>
    join(
      "v128",
      [
        ...simd(13),
        ...[0, 4, 8, 12, 16, 20, 24, 28].flatMap((byte) => [byte, byte + 1]),
      ],
      [a, b],
    ),
};

/** Sixteen bytes. */
export const i8x16 = {
  const: (bytes: readonly number[]): Vector => ({
    type: "v128",
    code: vectorConstant(bytes),
  }),
  /** Bytes of `a` by the numbers in `lanes`; 128 and more give 0; what 16 to 127 give depends on the processor. */
  lookUp: (a: Vector, lanes: Vector): Vector =>
    join("v128", simd(0x100), [a, lanes]),
};

/** Four 32-bit integers. */
export const i32x4 = {
  splat: unary<"i32", "v128">("v128", ...simd(17)),
  const: (value: number): Vector => v128.const32([value, value, value, value]),
  lane: (a: Vector, lane: number): Value<"i32"> =>
    join("i32", [...simd(27), lane], [a]),
  /** The low four of eight signed 16-bit numbers. */
  extendLowS: vector1(167),
  /** The high four of eight signed 16-bit numbers. */
  extendHighS: vector1(168),
  add: vector2(174),
  sub: vector2(177),
  mul: vector2(181),
  eq: vector2(55),
  ltS: vector2(57),
  gtS: vector2(59),
  leS: vector2(61),
  geS: vector2(63),
  shl: shift(171),
  shrS: shift(172),
  shrU: shift(173),
};

/** Four single precision numbers. */
export const f32x4 = {
  splat: unary<"f32", "v128">("v128", ...simd(19)),
  const: (value: number): Vector => {
    const [bits] = new Int32Array(new Float32Array([value]).buffer);
    return i32x4.const(bits);
  },
  lane: (a: Vector, lane: number): Value<"f32"> =>
    join("f32", [...simd(31), lane], [a]),
  eq: vector2(65),
  ne: vector2(66),
  lt: vector2(67),
  gt: vector2(68),
  le: vector2(69),
  ge: vector2(70),
  floor: vector1(104),
  nearest: vector1(106),
  abs: vector1(224),
  neg: vector1(225),
  sqrt: vector1(227),
  add: vector2(228),
  sub: vector2(229),
  mul: vector2(230),
  div: vector2(231),
  /** The smaller, or NaN. */
  min: vector2(232),
  /** The larger, or NaN. */
  max: vector2(233),
  fromI32: vector1(250),
  /** To the nearest integer toward zero, saturating. */
  toI32: vector1(248),
  /** b where b < a, else a: `a` if either is NaN. */
  pmin: (a: Vector, b: Vector): Vector => join("v128", simd(234), [a, b]),
  /** b where a < b, else a: `a` if `b` is NaN. */
  pmax: (a: Vector, b: Vector): Vector => join("v128", simd(235), [a, b]),
  /** a * b + c, rounded once where the processor can. */
  madd: vector3(0x105),
  /** c - a * b, rounded once where the processor can. */
  nmadd: vector3(0x106),
};

/** Two double precision numbers. */
export const f64x2 = {
  /** The first two lanes of a float32 vector. */
  promoteLow: vector1(95),
  /** Two float32 in the first lanes, 0 behind them. */
  demote: vector1(94),
  add: vector2(240),
  sub: vector2(241),
  mul: vector2(242),
  lane: (a: Vector, lane: number): Value<"f64"> =>
    join("f64", [...simd(33), lane], [a]),
};

/** `a` where the condition is not 0, else `b`; both are computed. */
export function select<T extends Exclude<ValueType, "v128">>(
  condition: Value<"i32">,
  a: Value<T>,
  b: Value<T>,
): Value<T> {
  return join(a.type, [0x1b], [a, b, condition]);
}
