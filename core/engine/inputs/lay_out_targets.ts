/**
 * What most objectives do with a batch: which token is predicted where, with what weight.
 *
 * ```text
 * tokens             a b c d e _
 * segments           1 1 1 2 2 0
 * targets, shift 1   b c . e . .     none across a border, none on padding, none for the first of a segment
 * targets, shift 0   a b c d e .     each token at its own place
 * ```
 * @module
 */
import type { Batch } from "../../contracts/collator.ts";
import type { Inputs, StepKey } from "../../contracts/objective.ts";
import { hash32 } from "../../random.ts";

/** How targets are laid out. */
export interface TargetOptions {
  /** 1: a token is predicted from the one before it; 0: at its own place. */
  readonly shift: 0 | 1;
  /** Factor of the weight of the token at index `at` of (B, T); 0: it is not predicted. Absent: 1. */
  factor?(at: number): number;
}

/** Targets of all tokens with a weight; the divisor is the sum of the weights. */
export function layOutTargets(
  batch: Batch,
  key: StepKey,
  { shift, factor = () => 1 }: TargetOptions,
): Inputs {
  const { B, T, tokens, segments, sources } = batch;
  const targetOf: number[] = []; // index into (B, T) of the token that each row predicts
  const weights: number[] = [];
  for (let b = 0; b < B; b++) {
    for (let t = shift; t < T; t++) {
      const at = b * T + t;
      if (segments[at] === 0 || batch.weights[at] === 0) continue;
      if (segments[at] !== segments[at - shift]) continue;
      const weight = batch.weights[at] * factor(at);
      if (weight === 0) continue;
      targetOf.push(at);
      weights.push(weight);
    }
  }
  let divisor = 0; // in double precision, so that the order of micro-batches does not show
  for (const weight of weights) divisor += weight;
  return {
    B,
    T,
    tokens,
    positions: batch.positions,
    segments,
    ...(batch.groups === undefined ? {} : { groups: batch.groups }),
    rows: Int32Array.from(targetOf, (at) => at - shift), // shift once
    targets: Int32Array.from(targetOf, (at) => tokens[at]),
    weights: Float32Array.from(weights),
    sources: Int32Array.from(targetOf, (at) => sources[at]),
    divisor,
    rowKeys: rowKeys(batch, key),
  };
}

/** hash32(seed, step, row within the step's window, t): the same however the window is cut into micro-batches. */
export function rowKeys(
  { B, T }: Pick<Batch, "B" | "T">,
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
