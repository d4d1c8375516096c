/**
 * Operations of token sampling on four logits at once.
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { log } from "../../simd_math.ts";

/** Bits of numbers as keys of the same order, and back. */
export function turned(bits: Vector): Vector {
  const sign = v128.and(i32x4.shrS(bits, 31), i32x4.const(0x7fffffff));
  return v128.xor(bits, sign);
}

/** The larger of two, lane by lane. */
export function larger(a: Vector, b: Vector): Vector {
  return v128.select(a, b, i32x4.gtS(a, b));
}

/** A number in every lane. */
export function splat(value: Int): Vector {
  return i32x4.splat(i32.wrap(value));
}

/** `gumbelAt` of core/random.ts, of random bits: -log(-log(1 - u)). */
export function gumbel(f: FunctionBuilder, bits: Vector): Vector {
  const whole = f32x4.fromI32(i32x4.shrU(bits, 1));
  const u = f.local(
    "v128",
    f32x4.mul(f32x4.add(whole, f32x4.const(0.5)), f32x4.const(2 ** -31)),
  );
  // -log(1 - u) by its series, where 1 - u would round away the significant bits of u
  const near = f32x4.mul(
    u,
    [1 / 3, 1 / 2, 1].reduce(
      (sum: Vector, c) => f32x4.madd(u, sum, f32x4.const(c)),
      f32x4.const(1 / 4),
    ),
  );
  const rest = f32x4.sub(f32x4.const(1), u);
  const least = f32x4.const(2 ** -24);
  const far = f32x4.neg(log(f, f.local("v128", f32x4.max(rest, least))));
  const small = f32x4.lt(u, f32x4.const(2 ** -6));
  return f32x4.neg(log(f, v128.select(near, far, small)));
}
