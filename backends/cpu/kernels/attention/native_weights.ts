/**
 * Weights by machine code: a block of scores is described in the worker's own memory, and one call does all its rows.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import {
  f32,
  f64,
  i32,
  i64,
  type Int,
  type Value,
} from "../../assembler/mod.ts";
import { type Kernel, WEIGHTS } from "../launch.ts";
import {
  type BlockNumber,
  blockOffset,
  type WeightsPass,
} from "../../machine_code/block.ts";
import type { Geometry, Products } from "./geometry.ts";
import { type KeySegments, sameSegment } from "./sight.ts";

/** Whether machine code makes the weights: not those that are capped, dropped or rounded. */
export function isNative(
  { softcap, dropout }: AttentionAttributes,
  products: Products,
  machineCode: boolean,
): boolean {
  const plain = softcap === null && dropout === undefined;
  return machineCode && plain && (products === "blas" || products === "small");
}

/** A block of scores, as both passes have it. */
export interface NativeBlock {
  /** Where it is described. */
  readonly at: Int;
  /** Address of the first row. */
  readonly scores: Int;
  readonly rows: Int;
  readonly keys: KeySegments;
  /** Place of the first query among the keys. */
  readonly query: Int;
  /** Address of its segment. */
  readonly segment: Int;
}

/** Calls machine code for a block; `own`: what only one of the passes has. */
export function callNative(
  k: Kernel,
  variant: { readonly attributes: AttentionAttributes; readonly g: Geometry },
  pass: WeightsPass,
  { block, own }: {
    readonly block: NativeBlock;
    readonly own: Partial<Record<BlockNumber, Int>>;
  },
): void {
  const { f } = k;
  const { attributes: { causal, window, scale }, g } = variant;
  const { keys } = block;
  const at = f.local("i64", block.at);
  const write = (name: BlockNumber, value: Value) =>
    f.store(at, value, blockOffset(name));
  const before = f.local("i64", i64.sub(block.query, keys.firstKey));
  const { high, highStep } = causal || window !== null
    ? {
      high: i64.add(before, i64.const(causal ? 1 : window ?? 1)),
      highStep: 1,
    }
    : { high: keys.count, highStep: 0 };
  write("scores", block.scores);
  write("scoreRow", i64.const(g.scoreRow));
  write("rows", block.rows);
  write("keys", keys.count);
  write("high", high);
  write("highStep", i64.const(highStep));
  write(
    "low",
    window === null ? i64.const(0) : i64.add(before, i64.const(1 - window)),
  );
  write("lowStep", i64.const(window === null ? 0 : 1));
  write("keySegments", segmentsToCompare(k, block));
  write("querySegments", block.segment);
  write("factor", f32.const(scale / g.scoreScale));
  for (const [name, value] of Object.entries(own)) {
    write(name as BlockNumber, value);
  }
  f.call(k.module.imported(WEIGHTS[pass].name), [f64.fromI64(at)]);
}

/** Address of the keys' segments; 0 where keys and queries are all of one. */
function segmentsToCompare(
  k: Kernel,
  { keys, rows, segment }: NativeBlock,
): Int {
  const { f } = k;
  const { segments } = keys;
  if (segments === null) return i64.const(0);
  const compared = f.local("i64", segments.at);
  const same = sameSegment(f, { at: segment, count: rows });
  const equal = i32.eq(i32.load(segment), i32.load(segments.at));
  f.if(
    i32.and(i32.and(segments.same, same), equal),
    () => f.set(compared, i64.const(0)),
  );
  return compared;
}
