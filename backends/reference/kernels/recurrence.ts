/**
 * A linear recurrence with a matrix as its state.
 * @module
 */
import { checkIndex, type Kernel } from "../kernel.ts";

interface Heads {
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** One token of one head: S = factor S + k v^T, out = S^T q. `row` counts tokens. */
function step(
  state: Float64Array, // (keyDim, valueDim)
  { heads, keyDim, valueDim }: Heads,
  at: { row: number; head: number; factor: number },
  { q, k, v, out }: {
    q: Float64Array;
    k: Float64Array;
    v: Float64Array;
    out: Float64Array;
  },
): void {
  const head = at.row * heads + at.head;
  for (let j = 0; j < valueDim; j++) {
    let sum = 0;
    for (let i = 0; i < keyDim; i++) {
      const place = i * valueDim + j;
      state[place] = at.factor * state[place] +
        k[head * keyDim + i] * v[head * valueDim + j];
      sum += state[place] * q[head * keyDim + i];
    }
    out[head * valueDim + j] = sum;
  }
}

/** From the first token of each segment to its last, or the other way. */
export const recurrence: Kernel<"recurrence"> = {
  run(attributes, size, inputs, [output]) {
    const [q, k, v, decay, segments] = inputs.map((t) => t.load());
    const [B, T] = [size(attributes.B), size(attributes.T)];
    const { heads, keyDim, valueDim, reverse } = attributes;
    const out = new Float64Array(v.length);
    for (let b = 0; b < B; b++) {
      for (let head = 0; head < heads; head++) {
        const state = new Float64Array(keyDim * valueDim);
        for (let i = 0; i < T; i++) {
          const row = b * T + (reverse ? T - 1 - i : i);
          const before = reverse ? row + 1 : row - 1;
          const starts = i === 0 || segments[before] !== segments[row];
          const later = Math.max(row, before);
          const factor = starts ? 0 : Math.exp(decay[later * heads + head]);
          if (starts) state.fill(0);
          step(state, attributes, { row, head, factor }, { q, k, v, out });
        }
      }
    }
    output.save(out);
  },
};

/** From the state of a slot, which then has the new one. */
export const recurrenceCached: Kernel<"recurrence_cached"> = {
  run(attributes, size, inputs, [output, stateOutput]) {
    const [q, k, v, decay, states, lengths, counts, index] = inputs.map((t) =>
      t.load()
    );
    const T = size(attributes.T);
    const { heads, keyDim, valueDim, slots } = attributes;
    const elements = keyDim * valueDim;
    const out = new Float64Array(v.length);
    for (const [b, length] of lengths.entries()) {
      checkIndex(index[b], slots, "a slot");
      checkIndex(counts[b], T + 1, "a count");
      for (let head = 0; head < heads; head++) {
        const at = (index[b] * heads + head) * elements;
        const state = states.subarray(at, at + elements);
        if (length === 0) state.fill(0);
        for (let t = 0; t < counts[b]; t++) {
          const row = b * T + t;
          const factor = Math.exp(decay[row * heads + head]);
          step(state, attributes, { row, head, factor }, { q, k, v, out });
        }
      }
    }
    output.save(out);
    stateOutput.save(states);
  },
};
