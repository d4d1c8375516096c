/**
 * Lays a micro-batch out as a program's inputs: the indices that let the device work without atomics are
 * made here.
 * @module
 */
import type { Inputs } from "../../contracts/objective.ts";
import type { Extents } from "../../graph/dims.ts";
import type { InputArrays } from "./program_inputs.ts";

/** Positions of an index sorted by id. N = index length, U = distinct ids. */
export interface SortedIndex {
  readonly order: Int32Array; // (N), stable
  readonly ids: Int32Array; // (U)
  readonly starts: Int32Array; // (U + 1)
}

/**
 * Sorts an index by id, keeping the order of equal ids: counting sort, linear in N + the largest id.
 *
 * ```text
 * index  5 2 5 7   ->   ids 2 5 7   order 1 | 0 2 | 3   starts 0 1 3 4
 * ```
 */
export function sortIndex(index: Int32Array): SortedIndex {
  let largest = 0;
  for (const id of index) if (id > largest) largest = id;
  const counts = new Int32Array(largest + 2);
  for (const id of index) counts[id + 1]++;
  const ids: number[] = [];
  const starts: number[] = [];
  for (let id = 0; id <= largest; id++) {
    const n = counts[id + 1];
    counts[id + 1] += counts[id];
    if (n > 0) {
      ids.push(id);
      starts.push(counts[id]);
    }
  }
  starts.push(index.length);
  const order = new Int32Array(index.length);
  for (let i = 0; i < index.length; i++) order[counts[index[i]]++] = i;
  return { order, ids: Int32Array.from(ids), starts: Int32Array.from(starts) };
}

/** An input that programs may want sorted by id. */
export type SortedName = "tokens" | "positions";

/** Inputs and extents of one run of `micro` or `evaluate`. */
export interface HostBatch {
  readonly inputs: InputArrays;
  readonly extents: Extents;
}

/**
 * The inputs of a program. `scale` multiplies the gradient: 1 / the divisor of the whole optimizer step.
 * `sorted` names the index inputs that the program wants sorted (`tokens`, `positions`).
 */
export function hostBatch(
  inputs: Inputs,
  options: {
    scale: number;
    sorted: readonly SortedName[];
    /** Whether the program wants to know how long examples are (`segment_lengths`). */
    lengths?: boolean;
  },
): HostBatch {
  const { B, T } = inputs;
  const data: InputArrays = {
    tokens: inputs.tokens,
    positions: inputs.positions,
    segments: inputs.segments,
    row_keys: inputs.rowKeys,
    rows: inputs.rows,
    targets: inputs.targets,
    loss_weights: inputs.weights,
    sources: inputs.sources,
    loss_scale: Float32Array.of(options.scale),
  };
  if (options.lengths === true) {
    data.segment_lengths = segmentLengths(inputs.segments, { B, T });
  }
  const extents: Record<string, number> = { B, T, R: inputs.rows.length };
  for (const name of options.sorted) {
    const index = sortIndex(
      name === "tokens" ? inputs.tokens : inputs.positions,
    );
    data[`${name}.order`] = index.order;
    data[`${name}.ids`] = index.ids;
    data[`${name}.starts`] = index.starts;
    extents[`${name}.unique`] = index.ids.length;
    extents[`${name}.unique+1`] = index.ids.length + 1;
  }
  for (const name of ["tokens", "positions"]) {
    extents[`${name}.unique`] ??= 0;
    extents[`${name}.unique+1`] ??= 1;
  }
  return { inputs: data, extents };
}

/**
 * Tokens of the segment that each token belongs to.
 *
 * ```text
 * segments 1 1 1 2 2 0   ->   3 3 3 2 2 1
 * ```
 */
export function segmentLengths(
  segments: Int32Array,
  { B, T }: { readonly B: number; readonly T: number },
): Float32Array {
  const lengths = new Float32Array(B * T);
  for (let b = 0; b < B; b++) {
    const end = (b + 1) * T;
    for (let from = b * T; from < end;) {
      let to = from + 1;
      while (to < end && segments[to] === segments[from]) to++;
      lengths.fill(to - from, from, to);
      from = to;
    }
  }
  return lengths;
}

/** Capacities of the named dimensions for batches of at most B rows of T tokens. */
export function batchCapacities(B: number, T: number): Extents {
  const N = B * T;
  return {
    B,
    T,
    R: N,
    "tokens.unique": N,
    "tokens.unique+1": N + 1,
    "positions.unique": N,
    "positions.unique+1": N + 1,
  };
}
