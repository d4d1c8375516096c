/**
 * Attention backward.
 * @module
 */
import type { Kernel } from "../kernel.ts";
import { attentionSizes, dot, kept, score, sees } from "./attention.ts";

/**
 * For query i and key j of a head, with p the softmax, s the score and z the scaled product:
 *
 * ```text
 * dV[j] += p dOut[i]      dP = dOut[i] . v[j]      dS = p (dP - dOut[i] . out[i])
 * dZ = dS (1 - (s / softcap)^2)      dQ[i] += scale dZ k[j]      dK[j] += scale dZ q[i]
 * ```
 */
export const attentionBackward: Kernel<"attention_backward"> = {
  run(attributes, size, inputs, outputs) {
    const { B, T, group, width, kvWidth } = attentionSizes(attributes, size);
    const { heads, headDim, scale, softcap } = attributes;
    const loaded = inputs.map((input) => input.load());
    const [q, k, v, segments] = loaded;
    const [out, lse, dOut] = loaded.slice(-3);
    const rowKeys = attributes.dropout === undefined ? null : loaded[4];
    const [dQ, dK, dV] = outputs.map((output) =>
      new Float64Array(output.length)
    );
    for (let b = 0; b < B; b++) {
      for (let i = 0; i < T; i++) {
        for (let h = 0; h < heads; h++) {
          const row = b * T + i;
          const qAt = row * width + h * headDim;
          const mean = dot(dOut, qAt, out, qAt, headDim);
          for (let j = 0; j < T; j++) {
            if (
              segments[b * T + j] !== segments[row] || !sees(attributes, i, j)
            ) continue;
            const kvAt = (b * T + j) * kvWidth +
              Math.floor(h / group) * headDim;
            const s = score(attributes, dot(q, qAt, k, kvAt, headDim));
            const p = Math.exp(s - lse[row * heads + h]);
            const key = rowKeys?.[row] ?? 0;
            const keep = kept(attributes, { key, h, j });
            const dP = keep * dot(dOut, qAt, v, kvAt, headDim);
            const dS = p * (dP - mean);
            const dZ = softcap === null ? dS : dS * (1 - (s / softcap) ** 2);
            for (let d = 0; d < headDim; d++) {
              dV[kvAt + d] += p * keep * dOut[qAt + d];
              dQ[qAt + d] += scale * dZ * k[kvAt + d];
              dK[kvAt + d] += scale * dZ * q[qAt + d];
            }
          }
        }
      }
    }
    for (const [n, values] of [dQ, dK, dV].entries()) outputs[n].save(values);
  },
};
