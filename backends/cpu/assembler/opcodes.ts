/**
 * Names of the instructions that the assembler emits, for printing.
 * @module
 */

/** The immediates that follow an instruction's number in the code. */
export type Immediate =
  | "none"
  | "memory" // alignment, offset
  | "memory and lane"
  | "lane"
  | "index" // of a type or global
  | "type and field"
  | "shuffle"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128";

/** One instruction. */
export interface Instruction {
  readonly name: string;
  /** Values that it takes from the stack. */
  readonly takes: number;
  /** Whether it leaves a value. */
  readonly gives: boolean;
  readonly immediate: Immediate;
}

/** `name takes` with what differs from: gives a value, no immediate. */
type Row = readonly [number, string, number, Immediate?, "gives nothing"?];

const BINARY = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u"
  .split(" ");
const COMPARE = "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split(" ");

function integers(type: string, compare: number, arithmetic: number): Row[] {
  return [
    ...COMPARE.map((name, i): Row => [
      compare + i,
      `${type}.${name}`,
      name === "eqz" ? 1 : 2,
    ]),
    ...BINARY.map((name, i): Row => [arithmetic + i, `${type}.${name}`, 2]),
  ];
}

const PLAIN: readonly Row[] = [
  [0x00, "unreachable", 0, "none", "gives nothing"],
  [0x0f, "return", 0, "none", "gives nothing"],
  [0x1a, "drop", 1, "none", "gives nothing"],
  [0x1b, "select", 3],
  [0x23, "global.get", 0, "index"],
  [0x28, "i32.load", 1, "memory"],
  [0x29, "i64.load", 1, "memory"],
  [0x2a, "f32.load", 1, "memory"],
  [0x2b, "f64.load", 1, "memory"],
  [0x2d, "i32.load8_u", 1, "memory"],
  [0x2f, "i32.load16_u", 1, "memory"],
  [0x34, "i64.load32_s", 1, "memory"],
  [0x36, "i32.store", 2, "memory", "gives nothing"],
  [0x37, "i64.store", 2, "memory", "gives nothing"],
  [0x38, "f32.store", 2, "memory", "gives nothing"],
  [0x39, "f64.store", 2, "memory", "gives nothing"],
  [0x3b, "i32.store16", 2, "memory", "gives nothing"],
  [0x41, "i32.const", 0, "i32"],
  [0x42, "i64.const", 0, "i64"],
  [0x43, "f32.const", 0, "f32"],
  [0x44, "f64.const", 0, "f64"],
  ...integers("i32", 0x45, 0x6a),
  ...integers("i64", 0x50, 0x7c),
  [0x5c, "f32.ne", 2],
  [0x5e, "f32.gt", 2],
  [0x92, "f32.add", 2],
  [0x93, "f32.sub", 2],
  [0x94, "f32.mul", 2],
  [0x95, "f32.div", 2],
  [0x97, "f32.max", 2],
  [0xa0, "f64.add", 2],
  [0xa7, "i32.wrap_i64", 1],
  [0xac, "i64.extend_i32_s", 1],
  [0xad, "i64.extend_i32_u", 1],
  [0xb0, "i64.trunc_f64_s", 1],
  [0xb2, "f32.convert_i32_s", 1],
  [0xb6, "f32.demote_f64", 1],
  [0xb9, "f64.convert_i64_s", 1],
  [0xbb, "f64.promote_f32", 1],
  [0xbc, "i32.reinterpret_f32", 1],
  [0xbe, "f32.reinterpret_i32", 1],
  [0xd1, "ref.is_null", 1],
  [0xd4, "ref.as_non_null", 1],
];

const SIMD: readonly Row[] = [
  [0, "v128.load", 1, "memory"],
  [1, "v128.load8x8_s", 1, "memory"],
  [4, "v128.load16x4_s", 1, "memory"],
  [5, "v128.load16x4_u", 1, "memory"],
  [9, "v128.load32_splat", 1, "memory"],
  [11, "v128.store", 2, "memory", "gives nothing"],
  [12, "v128.const", 0, "v128"],
  [13, "i8x16.shuffle", 2, "shuffle"],
  [17, "i32x4.splat", 1],
  [19, "f32x4.splat", 1],
  [27, "i32x4.extract_lane", 1, "lane"],
  [31, "f32x4.extract_lane", 1, "lane"],
  [33, "f64x2.extract_lane", 1, "lane"],
  [55, "i32x4.eq", 2],
  [57, "i32x4.lt_s", 2],
  [59, "i32x4.gt_s", 2],
  [61, "i32x4.le_s", 2],
  [63, "i32x4.ge_s", 2],
  ...["eq", "ne", "lt", "gt", "le", "ge"].map((name, i): Row => [
    65 + i,
    `f32x4.${name}`,
    2,
  ]),
  [77, "v128.not", 1],
  [78, "v128.and", 2],
  [79, "v128.andnot", 2],
  [80, "v128.or", 2],
  [81, "v128.xor", 2],
  [83, "v128.any_true", 1],
  [90, "v128.store32_lane", 2, "memory and lane", "gives nothing"],
  [91, "v128.store64_lane", 2, "memory and lane", "gives nothing"],
  [93, "v128.load64_zero", 1, "memory"],
  [94, "f32x4.demote_f64x2_zero", 1],
  [95, "f64x2.promote_low_f32x4", 1],
  [104, "f32x4.floor", 1],
  [106, "f32x4.nearest", 1],
  [167, "i32x4.extend_low_i16x8_s", 1],
  [168, "i32x4.extend_high_i16x8_s", 1],
  [171, "i32x4.shl", 2],
  [172, "i32x4.shr_s", 2],
  [173, "i32x4.shr_u", 2],
  [174, "i32x4.add", 2],
  [177, "i32x4.sub", 2],
  [181, "i32x4.mul", 2],
  [224, "f32x4.abs", 1],
  [225, "f32x4.neg", 1],
  [227, "f32x4.sqrt", 1],
  ...["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"].map((
    name,
    i,
  ): Row => [228 + i, `f32x4.${name}`, 2]),
  [240, "f64x2.add", 2],
  [241, "f64x2.sub", 2],
  [242, "f64x2.mul", 2],
  [248, "i32x4.trunc_sat_f32x4_s", 1],
  [250, "f32x4.convert_i32x4_s", 1],
  [0x100, "i8x16.relaxed_swizzle", 2],
  [0x105, "f32x4.relaxed_madd", 3],
  [0x106, "f32x4.relaxed_nmadd", 3],
  [0x10b, "i32x4.relaxed_laneselect", 3],
];

const ATOMIC: readonly Row[] = [
  [0x00, "memory.atomic.notify", 2, "memory"],
  [0x01, "memory.atomic.wait32", 3, "memory"],
  [0x10, "i32.atomic.load", 1, "memory"],
  [0x17, "i32.atomic.store", 2, "memory", "gives nothing"],
  [0x1e, "i32.atomic.rmw.add", 2, "memory"],
];

const STRUCTS: readonly Row[] = [
  [0x01, "struct.new_default", 0, "index"],
  [0x02, "struct.get", 1, "type and field"],
  [0x05, "struct.set", 2, "type and field", "gives nothing"],
  [0x07, "array.new_default", 1, "index"],
  [0x0b, "array.get", 2, "index"],
  [0x0e, "array.set", 3, "index", "gives nothing"],
];

function table(rows: readonly Row[]): ReadonlyMap<number, Instruction> {
  return new Map(
    rows.map(([code, name, takes, immediate = "none", nothing]) => [
      code,
      { name, takes, immediate, gives: nothing === undefined },
    ]),
  );
}

/** By the first byte that announces a number, or 0 for the numbers of one byte. */
export const INSTRUCTIONS: ReadonlyMap<
  number,
  ReadonlyMap<number, Instruction>
> = new Map([
  [0, table(PLAIN)],
  [0xfb, table(STRUCTS)],
  [0xfd, table(SIMD)],
  [0xfe, table(ATOMIC)],
]);
