/**
 * A short causal convolution of each column.
 * @module
 */
import { checkIndex, type Kernel } from "../kernel.ts";

/** out[t] = sum over j of weight[taps - 1 - j] x[t - j], over tokens of t's segment; the other way with `reverse`. */
export const convolution: Kernel<"convolution"> = {
  run(
    { columns, taps, reverse, ...attributes },
    size,
    [xTensor, weightTensor, segmentTensor],
    [output],
  ) {
    const [x, weight, segments] = [
      xTensor.load(),
      weightTensor.load(),
      segmentTensor.load(),
    ];
    const [B, T] = [size(attributes.B), size(attributes.T)];
    const out = new Float64Array(x.length);
    for (let row = 0; row < B * T; row++) {
      const t = row % T;
      for (let j = 0; j < taps; j++) {
        const other = reverse ? row + j : row - j;
        const inside = reverse ? t + j < T : j <= t;
        if (!inside || segments[other] !== segments[row]) break;
        for (let c = 0; c < columns; c++) {
          out[row * columns + c] += weight[c * taps + taps - 1 - j] *
            x[other * columns + c];
        }
      }
    }
    output.save(out);
  },
};

/** The same behind the tokens of a tail, which then has the newest. */
export const convolutionCached: Kernel<"convolution_cached"> = {
  run(
    { columns, taps, slots, ...attributes },
    size,
    [xTensor, weightTensor, tailTensor, lengths, countTensor, indexTensor],
    [output, tailOutput],
  ) {
    const [x, weight, tail] = [
      xTensor.load(),
      weightTensor.load(),
      tailTensor.load(),
    ];
    const [counts, index] = [countTensor.load(), indexTensor.load()];
    const T = size(attributes.T);
    const kept = (taps - 1) * columns;
    const out = new Float64Array(x.length);
    for (const [b, length] of lengths.load().entries()) {
      checkIndex(index[b], slots, "a slot");
      checkIndex(counts[b], T + 1, "a count");
      const at = index[b] * kept;
      // the tokens that the row has, old ones first
      const all = new Float64Array(kept + T * columns);
      if (length > 0) all.set(tail.subarray(at, at + kept));
      all.set(x.subarray(b * T * columns, (b + 1) * T * columns), kept);
      for (let t = 0; t < counts[b]; t++) {
        for (let c = 0; c < columns; c++) {
          let sum = 0;
          for (let j = 0; j < taps; j++) {
            sum += weight[c * taps + j] * all[(t + j) * columns + c];
          }
          out[(b * T + t) * columns + c] = sum;
        }
      }
      const from = counts[b] * columns;
      tail.set(all.subarray(from, from + kept), at);
    }
    output.save(out);
    tailOutput.save(tail);
  },
};
