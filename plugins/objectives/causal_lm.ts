/**
 * Causal language modelling: each token is predicted from those before it in its segment.
 *
 * ```text
 * tokens    a b c d e _
 * segments  1 1 1 2 2 0
 * targets   b c . e . .     none across a border, none on padding, none for the first of a segment
 * ```
 * @module
 */
import {
  type Batch,
  definePart,
  hash32,
  type Inputs,
  type Objective,
  type Part,
  type StepKey,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({});

/** Predicts the next token; the divisor is the sum of the weights. */
export const causalLm: Part<
  "objective",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "objective",
  name: "causal-lm",
  description: "Predicts each token from those before it",
  options,
  create: (): Objective => ({ attention: "causal", inputs }),
});

function inputs(batch: Batch, key: StepKey): Inputs {
  const { B, T, tokens, weights, segments, sources } = batch;
  const isRow = (b: number, t: number): boolean => {
    const next = b * T + t + 1; // shift once: the target of t is the token after it
    return segments[next] !== 0 && segments[next] === segments[next - 1] &&
      weights[next] !== 0;
  };
  let R = 0;
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T - 1; t++) if (isRow(b, t)) R++;
  }

  const rows = new Int32Array(R); // (R)
  const targets = new Int32Array(R); // (R)
  const rowWeights = new Float32Array(R); // (R)
  const rowSources = new Int32Array(R); // (R)
  let divisor = 0; // in double precision, so that the order of micro-batches does not show
  let r = 0;
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T - 1; t++) {
      if (!isRow(b, t)) continue;
      const next = b * T + t + 1;
      rows[r] = next - 1;
      targets[r] = tokens[next];
      rowWeights[r] = weights[next];
      rowSources[r] = sources[next];
      divisor += weights[next];
      r++;
    }
  }
  return {
    B,
    T,
    tokens,
    positions: batch.positions,
    segments,
    rows,
    targets,
    weights: rowWeights,
    sources: rowSources,
    divisor,
    rowKeys: rowKeys(batch, key),
  };
}

/** hash32(seed, step, row within the step's window, t): the same however the window is cut into micro-batches. */
function rowKeys(
  { B, T }: Batch,
  { seed, step, firstRow }: StepKey,
): Int32Array {
  const keys = new Int32Array(B * T); // (B, T)
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      keys[b * T + t] = hash32(seed, step, firstRow + b, t);
    }
  }
  return keys;
}
