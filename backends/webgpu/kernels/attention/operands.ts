/**
 * The operands of attention and their sizes.
 * @module
 */
import type { AttentionAttributes, View } from "@denotune/denotune/device";
import type { Lowering, TensorUse } from "../../shader/dispatch.ts";

/** Sizes of an attention call. */
export interface AttentionSizes {
  readonly rows: number;
  readonly group: number;
  readonly width: number;
  readonly kvWidth: number;
}

/** The sizes, at capacity. */
export function attentionSizes(
  attributes: AttentionAttributes,
  capacity: (dim: AttentionAttributes["B"]) => number,
): AttentionSizes {
  const { heads, kvHeads, headDim } = attributes;
  return {
    rows: capacity(attributes.B) * capacity(attributes.T),
    group: heads / kvHeads,
    width: heads * headDim,
    kvWidth: kvHeads * headDim,
  };
}

/** Operands `q, k, v, segments` as tensors of a dispatch. */
export function attentionInputs(
  lowering: Lowering<"attention"> | Lowering<"attention_backward">,
): Record<"q" | "k" | "v" | "segments", Lowering<"attention">["inputs"][0]> {
  return {
    q: lowering.input("q"),
    k: lowering.input("k"),
    v: lowering.input("v"),
    segments: lowering.input("segments"),
  };
}

/** Tensors of the gradients. */
export interface BackwardViews {
  readonly q: View;
  readonly k: View;
  readonly v: View;
  readonly segments: View;
  readonly out: View;
  readonly lse: View;
  readonly dOut: View;
  readonly dQ: View;
  readonly dK: View;
  readonly dV: View;
  /** The lse and delta of each query and head: one tensor, because some adapters allow eight. */
  readonly statistics: View;
}

/** The tensors that the gradients of both sides read. */
export function gradientInputs(
  { q, k, v, segments, dOut, statistics }: BackwardViews,
  wide: boolean,
): TensorUse[] {
  return [
    { name: "q", view: q, wide },
    { name: "k", view: k, wide },
    { name: "v", view: v, wide },
    { name: "segments", view: segments },
    { name: "dOut", view: dOut, wide },
    { name: "statistics", view: statistics },
  ];
}
