/**
 * 16-bit numbers to float32 and back, four at a time, rounding to the nearest, ties to even.
 * @module
 */
import type { DType } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../assembler/mod.ts";

/** Loads four elements as float32. May read up to three elements beyond. */
export function loadWidened(
  f: FunctionBuilder,
  dtype: DType,
  address: Int,
  offset = 0,
): Vector {
  switch (dtype) {
    case "f32":
      return v128.load(address, offset);
    case "i32":
      return f32x4.fromI32(v128.load(address, offset));
    case "bf16":
      return i32x4.shl(v128.load16x4U(address, offset), 16);
    case "f16":
      return widenHalf(f, v128.load16x4U(address, offset));
    case "i8": // eight are loaded, the low four used
      return f32x4.fromI32(i32x4.extendLowS(v128.load8x8S(address, offset)));
  }
}

function widenHalf(f: FunctionBuilder, value: Vector): Vector {
  const half = f.local("v128", value);
  const rest = f.local(
    "v128",
    i32x4.shl(v128.and(half, i32x4.const(0x7fff)), 13),
  );
  // the exponent's bias is 15 in one and 127 in the other; subnormal numbers come out right as well
  const scaled = f32x4.mul(rest, f32x4.const(2 ** 112));
  // Infinity and NaN keep their bits under the largest exponent.
  const special = v128.or(rest, i32x4.const(0x7f800000));
  const isSpecial = i32x4.geS(rest, i32x4.const(0x7c00 << 13));
  const sign = i32x4.shl(v128.and(half, i32x4.const(0x8000)), 16);
  return f.local(
    "v128",
    v128.or(sign, v128.select(special, scaled, isSpecial)),
  );
}

/** Four float32 as 16-bit numbers, each in the low half of a lane. */
export function narrow(
  f: FunctionBuilder,
  dtype: "bf16" | "f16",
  value: Vector,
): Vector {
  const x = f.local("v128", value);
  return f.local("v128", dtype === "bf16" ? narrowBrain(x) : narrowHalf(f, x));
}

function narrowBrain(x: Vector): Vector {
  // Round to even: add 0x7fff, and one more where the last kept bit is 1.
  const odd = v128.and(i32x4.shrU(x, 16), i32x4.const(1));
  const rounded = i32x4.shrU(
    i32x4.add(x, i32x4.add(odd, i32x4.const(0x7fff))),
    16,
  );
  // NaN must not round to infinity: its top mantissa bit is set instead.
  const quietNaN = v128.or(i32x4.shrU(x, 16), i32x4.const(0x40));
  return v128.select(rounded, quietNaN, f32x4.eq(x, x));
}

function narrowHalf(f: FunctionBuilder, x: Vector): Vector {
  const size = f.local("v128", v128.and(x, i32x4.const(0x7fffffff)));
  const sign = v128.and(i32x4.shrU(x, 16), i32x4.const(0x8000));
  const odd = v128.and(i32x4.shrU(size, 13), i32x4.const(1));
  // Normal numbers: the exponent's bias changes by 112, rounded as above at bit 13.
  const rebias = i32x4.const(0xfff - (112 << 23));
  const normal = i32x4.shrU(i32x4.add(i32x4.add(size, rebias), odd), 13);
  // adding 0.5 leaves a subnormal half in the low bits, rounded by the addition
  const subnormal = i32x4.sub(
    f32x4.add(size, f32x4.const(0.5)),
    f32x4.const(0.5),
  );
  const finite = v128.select(
    subnormal,
    normal,
    i32x4.ltS(size, i32x4.const(0x38800000)),
  );
  const special = v128.select(
    i32x4.const(0x7e00),
    i32x4.const(0x7c00),
    i32x4.gtS(size, i32x4.const(0x7f800000)),
  );
  return v128.or(
    sign,
    v128.select(special, finite, i32x4.geS(size, i32x4.const(0x47800000))),
  );
}

/** Stores four float32 as whole numbers of a byte each, to the nearest, ties to even. */
export function storeBytes(
  f: FunctionBuilder,
  address: Int,
  value: Vector,
): void {
  const clamped = f32x4.min(
    f32x4.max(value, f32x4.const(-128)),
    f32x4.const(127),
  );
  const x = f.local("v128", f32x4.toI32(f32x4.nearest(clamped)));
  const byte = (lane: number) =>
    i32.shl(i32.and(i32x4.lane(x, lane), i32.const(255)), i32.const(8 * lane));
  f.store(
    address,
    i32.or(i32.or(byte(0), byte(1)), i32.or(byte(2), byte(3))),
  );
}

/** Stores the low halves of four lanes, or of the first `rest`. */
export function storeHalves(
  f: FunctionBuilder,
  address: Int,
  value: Vector,
  rest: Int | null,
): void {
  const x = f.hold(value);
  if (rest === null) return f.storeLane64(address, v128.pack16(x, x), 0);
  const at = f.hold(address);
  // Lane by lane: a wider store would overwrite the elements after them.
  for (let lane = 0; lane < 3; lane++) {
    f.if(
      i64.gtS(rest, i64.const(lane)),
      () => f.store16(at, i32x4.lane(x, lane), 2 * lane),
    );
  }
}

/** The 32 bits that fill memory with a value: one 4-byte element, or two 2-byte ones. */
export function patternOf(dtype: DType, value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  if (dtype === "i32") view.setInt32(0, value, true);
  else view.setFloat32(0, value, true);
  const bits = view.getInt32(0, true);
  if (dtype === "f32" || dtype === "i32") return bits;
  let half: number;
  if (dtype === "f16") {
    view.setFloat16(0, value, true);
    half = view.getUint16(0, true);
  } else {
    half = Number.isNaN(value)
      ? 0x7fc0
      : ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
  }
  return half | (half << 16);
}

/** Truncates an index that must be below `limit`, or ends with an error. */
export function checkedIndex(
  f: FunctionBuilder,
  address: Int,
  limit: Int,
): Int {
  const index = f.local("i64", i64.extendS(i32.load(address)));
  f.if(i64.geU(index, limit), () => f.trap());
  return index;
}
