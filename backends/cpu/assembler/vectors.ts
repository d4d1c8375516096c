/**
 * Values of 128 bits: SIMD, and relaxed SIMD.
 * @module
 */
import { unsigned, VECTOR } from "./encoding.ts";
import { i32 } from "./scalars.ts";
import {
  type Binary,
  binary,
  join,
  load,
  type Unary,
  unary,
  type Value,
  type Vector,
} from "./value.ts";

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
function vector3(
  number: number,
): (a: Vector, b: Vector, c: Vector) => Vector {
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
