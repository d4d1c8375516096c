/**
 * The operands of attention and their sizes.
 * @module
 */
import { type AttentionAttributes, DeviceError } from "@denotune/denotune/core";
import { INDEX, type Lowering } from "../../shader/dispatch.ts";

/** Sizes of an attention call, checked. */
export interface AttentionSizes {
  readonly rows: number;
  readonly group: number;
  readonly width: number;
  readonly kvWidth: number;
}

/** Checks heads and window. */
export function attentionSizes(
  attributes: AttentionAttributes,
  capacity: (dim: AttentionAttributes["B"]) => number,
): AttentionSizes {
  const { heads, kvHeads, headDim, window } = attributes;
  if (heads % kvHeads !== 0) {
    throw new DeviceError(
      `${heads} heads cannot share ${kvHeads} key/value heads: must divide`,
    );
  }
  if (window !== null && window < 1) {
    throw new DeviceError(`window is ${window}: must be at least 1, or null`);
  }
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
  { rows, width, kvWidth }: AttentionSizes,
): Record<"q" | "k" | "v" | "segments", Lowering<"attention">["inputs"][0]> {
  const { inputs } = lowering;
  return {
    q: lowering.expect("q", inputs[0], rows * width),
    k: lowering.expect("k", inputs[1], rows * kvWidth),
    v: lowering.expect("v", inputs[2], rows * kvWidth),
    segments: lowering.expect("segments", inputs[3], rows, INDEX),
  };
}
