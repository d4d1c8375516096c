/**
 * Attention as products and a softmax. Keys and values that layers keep are (B, kvHeads, P, headDim), as every client
 * of ONNX has them.
 *
 * ```text
 * q (B*T, heads*headDim) ─► (B, kvHeads, group*T, headDim) ─┐
 * past (B, kvHeads, P, headDim) + new ─► present ───────────┴─► scores (B, kvHeads, group, T, P + T) + bias ─► softmax
 * ```
 *
 * Query heads of a group are rows beside one another, so that no key is repeated.
 * @module
 */
import {
  type AttentionAttributes,
  type CachedAttentionAttributes,
  product,
  type WriteCacheAttributes,
} from "@denotune/denotune/core";
import type { KernelTranslation, Translation } from "./translation.ts";

/** New keys or values behind the earlier ones. */
export const writeCache: KernelTranslation<WriteCacheAttributes> = (t) => {
  const { B, T, slots, capacity, columns } = t.attributes;
  const { kvHeads, headDim } = t.heads(0);
  const added = split(t, t.input(1, [product([B, T]), columns]), {
    heads: kvHeads,
    headDim,
  });
  const past = t.state(0, [kvHeads, "past", headDim]);
  const present = t.onnx.node("Concat", [past, added], { axis: { int: 2 } });
  t.output(0, present, [slots, capacity, columns]);
};

/** Attention over keys and values that hold the new ones already. */
export const attentionCached: KernelTranslation<CachedAttentionAttributes> = (
  t,
) => attend(t, { k: t.cache(1), v: t.cache(2), segments: false });

/** Attention of tokens over those of their segment. */
export const attention: KernelTranslation<AttentionAttributes> = (t) => {
  const { B, T, kvHeads, headDim } = t.attributes;
  const columns = kvHeads * headDim;
  const [k, v] = [1, 2].map((i) =>
    split(t, t.input(i, [product([B, T]), columns]), {
      heads: kvHeads,
      headDim,
    })
  );
  attend(t, { k, v, segments: true });
};

/** (B*T, heads*headDim) -> (B, heads, T, headDim) */
function split(
  { onnx }: Pick<Translation<unknown>, "onnx">,
  x: string,
  { heads, headDim }: { heads: number; headDim: number },
): string {
  return onnx.transpose(onnx.reshape(x, ["B", "T", heads, headDim]), [
    0,
    2,
    1,
    3,
  ]);
}

function attend(
  t: Translation<AttentionAttributes>,
  { k, v, segments }: {
    readonly k: string;
    readonly v: string;
    readonly segments: boolean;
  },
): void {
  const { onnx, attributes, batch } = t;
  const { B, T, heads, kvHeads, headDim, causal, scale, window, softcap } =
    attributes;
  const rows = product([B, T]);
  const group = heads / kvHeads;
  const q = onnx.reshape(
    onnx.transpose(
      onnx.reshape(t.input(0, [rows, heads * headDim]), [
        "B",
        "T",
        kvHeads,
        group,
        headDim,
      ]),
      [0, 2, 3, 1, 4],
    ),
    ["B", kvHeads, -1, headDim],
  ); // (B, kvHeads, group*T, headDim)
  const products = onnx.node("MatMul", [q, onnx.transpose(k, [0, 1, 3, 2])]);
  const scaled = onnx.node("Mul", [products, onnx.float(scale)]);
  const capped = softcap === null ? scaled : onnx.node("Mul", [
    onnx.node("Tanh", [onnx.node("Div", [scaled, onnx.float(softcap)])]),
    onnx.float(softcap),
  ]);
  const scores = onnx.node("Add", [
    onnx.reshape(capped, ["B", kvHeads, group, "T", -1]),
    batch.bias({ causal, window, segments }),
  ]);
  const shares = onnx.node("Reshape", [
    onnx.node("Softmax", [scores], { axis: { int: -1 } }),
    onnx.node("Shape", [products]),
  ]);
  const mixed = onnx.reshape(onnx.node("MatMul", [shares, v]), [
    "B",
    kvHeads,
    group,
    "T",
    headDim,
  ]);
  const out = onnx.reshape(onnx.transpose(mixed, [0, 3, 1, 2, 4]), [
    -1,
    heads * headDim,
  ]);
  t.output(0, out, [rows, heads * headDim]);
}
