/**
 * What keeps a plan from having every example once, and a batch from being a rectangle of its examples.
 * @module
 */
import type {
  Batch,
  CollatorLimits,
  RowPlan,
  WeightedExample,
} from "../../../contracts/collator.ts";
import { show } from "../../parse/problem.ts";

/** What keeps a plan from having each of so many examples once. */
export function planFault(
  { offsets, members }: RowPlan,
  examples: number,
): string | null {
  if (!(offsets instanceof Uint32Array && members instanceof Uint32Array)) {
    return `offsets ${show(offsets)} and members ${
      show(members)
    }; expected two Uint32Arrays`;
  }
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== members.length) {
    return `offsets that do not go from 0 to its ${members.length} members`;
  }
  for (let row = 1; row < offsets.length; row++) {
    if (offsets[row] < offsets[row - 1]) {
      return `row ${row} before row ${row - 1}`;
    }
  }
  const seen = new Uint8Array(examples);
  for (const member of members) {
    if (member >= examples) return `example ${member} of ${examples}`;
    if (seen[member]++ > 0) return `example ${member} twice`;
  }
  return members.length === examples
    ? null
    : `${members.length} of ${examples} examples`;
}

/** What keeps a batch from being a rectangle of these rows. */
export function batchFault(
  batch: Batch,
  rows: readonly (readonly WeightedExample[])[],
  { padId }: Pick<CollatorLimits, "padId">,
): string | null {
  const { B, T } = batch;
  if (B !== rows.length || !(Number.isInteger(T) && T >= 1)) {
    return `${show(B)} rows of ${show(T)} tokens for ${rows.length} rows`;
  }
  const names = [
    "tokens",
    "weights",
    "positions",
    "segments",
    "sources",
  ] as const;
  for (const name of names) {
    const array: unknown = batch[name];
    const length = batch[name]?.length;
    if (length !== B * T) {
      return `${length ?? "no"} ${name} for ${B} rows of ${T} tokens`;
    }
    const isWeights = name === "weights";
    if (!(array instanceof (isWeights ? Float32Array : Int32Array))) {
      return `${name} that are no ${isWeights ? "Float32Array" : "Int32Array"}`;
    }
  }
  return valuesFault(batch, rows, padId);
}

/** Largest values that the examples of a batch allow. */
function valuesFault(
  { B, T, tokens, weights, positions, segments, sources }: Batch,
  rows: readonly (readonly WeightedExample[])[],
  padId: number,
): string | null {
  let largest = padId;
  const known = new Set([0]); // of padding
  for (const row of rows) {
    for (const { ids, source } of row) {
      known.add(source);
      for (let t = 0; t < ids.length; t++) {
        if (ids[t] > largest) largest = ids[t];
      }
    }
  }
  for (let n = 0; n < B * T; n++) {
    const fault = !(tokens[n] >= 0 && tokens[n] <= largest)
      ? `the token ${tokens[n]}, which none of its examples has,`
      : !(weights[n] >= 0 && weights[n] < Infinity)
      ? `the weight ${weights[n]}`
      : !(positions[n] >= 0 && positions[n] < T)
      ? `the position ${positions[n]}`
      : segments[n] < 0
      ? `the segment ${segments[n]}`
      : !known.has(sources[n])
      ? `the source ${sources[n]}, which none of its examples is of,`
      : null;
    if (fault !== null) {
      return `${fault} at place ${n % T} of row ${Math.floor(n / T)}`;
    }
  }
  return null;
}
