/**
 * Dropout of attention's probabilities (WGSL): what the probability of a query for a key is multiplied by.
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import { f32Text } from "../../shader/numbers.ts";

/**
 * The factor of query head `h` for the key at `j`: 1 / (1 - p) where it is kept, else 0. `key`: of the query's row
 * (`u32`). Empty where nothing is dropped, so that nothing is multiplied.
 */
export function keptText(
  { dropout, heads }: AttentionAttributes,
  { key, j }: { readonly key: string; readonly j: string },
): string {
  if (dropout === undefined) return "";
  const { p, stream } = dropout;
  return ` * select(0.0, ${f32Text(1 / (1 - p))}, ${
    f32Text(p)
  } <= uniform_at(${key}, ${stream >>> 0}u, ${j} * ${heads}u + h))`;
}

/** Numbers that the gradients keep of each query and head: lse and delta, and the key of its row in two halves. */
export function statisticsWidth({ dropout }: AttentionAttributes): 2 | 4 {
  return dropout === undefined ? 2 : 4;
}

/** The key of a row from its halves, each a whole number below 65,536 that a float holds exactly. */
export function keyOfHalves(high: string, low: string): string {
  return `((u32(${high}) << 16u) | u32(${low}))`;
}
