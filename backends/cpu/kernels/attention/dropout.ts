/**
 * Dropout of attention's probabilities: which of four neighbouring keys a query keeps.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { mix32 } from "../../simd_math.ts";
import { element } from "../launch.ts";

/** The part of a query's random numbers that no key changes; null where nothing is dropped. */
export function dropoutKey(
  f: FunctionBuilder,
  { dropout }: AttentionAttributes,
  { rowKeys, row }: {
    /** Address of the row keys. */
    readonly rowKeys: Int | undefined;
    /** The query's place over the batch. */
    readonly row: Int;
  },
): Vector | null {
  if (dropout === undefined || rowKeys === undefined) return null;
  const offset = i32x4.const(Math.imul(dropout.stream, 0x9e3779b9));
  const key = v128.load32Splat(element(rowKeys, row));
  return f.local("v128", mix32(f, i32x4.add(key, offset)));
}

/** 1 / (1 - p) where the keys `first` .. `first` + 3 are kept, else 0: `uniformAt` of core/random.ts in each lane. */
export function keptFactor(
  f: FunctionBuilder,
  { dropout, heads }: AttentionAttributes,
  { key, head, first }: {
    readonly key: Vector;
    readonly head: Int;
    readonly first: Int;
  },
): Vector {
  const p = dropout?.p ?? 0;
  const keys = i32x4.add(
    i32x4.splat(i32.wrap(first)),
    v128.const32([0, 1, 2, 3]),
  );
  const columns = i32x4.add(
    i32x4.mul(keys, i32x4.const(heads)),
    i32x4.splat(i32.wrap(head)),
  );
  const bits = mix32(
    f,
    i32x4.add(key, i32x4.mul(columns, i32x4.const(0x85ebca6b | 0))),
  );
  const uniform = f32x4.mul(
    f32x4.fromI32(i32x4.shrU(bits, 8)),
    f32x4.const(2 ** -24),
  );
  const isKept = f32x4.le(f32x4.const(p), uniform);
  return f.local("v128", v128.and(isKept, f32x4.const(1 / (1 - p))));
}
