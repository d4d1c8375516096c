/**
 * The one table of what the host writes for programs: a graph takes its inputs from it, the host's arrays get
 * their types from it, and a session checks what it is given against the graphs that were planned.
 * @module
 */
import { dim, type Shape } from "../../graph/dims.ts";
import { type Level, LEVEL_DIMS } from "../../graph/loss/levels.ts";
import type { Graph, Tensor } from "../../graph/graph.ts";

/** Type and sizes of an input; `shape` null: the program that reads it gives the sizes. */
export interface InputSpec {
  /** Whole numbers or real ones. */
  readonly dtype: "f32" | "i32";
  /** Sizes, outermost first. */
  readonly shape: Shape | null;
}

const [B, T, R] = [dim("B"), dim("T"), dim("R")];
const { sequence: S, group: G } = LEVEL_DIMS;
const BT = [B, T];
const N = [dim("B", "T")];

/** Every input of the engine's programs. N = B * T; R supervised rows. */
export const PROGRAM_INPUTS = {
  /** Token ids. */
  tokens: { dtype: "i32", shape: BT },
  /** Positions within the segment. */
  positions: { dtype: "i32", shape: BT },
  /** Segments; 0 is padding. */
  segments: { dtype: "i32", shape: BT },
  /** Tokens of the segment that each token belongs to. */
  segment_lengths: { dtype: "f32", shape: BT },
  /** Keys of random numbers, one a token. */
  row_keys: { dtype: "i32", shape: BT },
  /** Token positions in the order of their ids, the distinct ids, and where each starts in the order. */
  "tokens.order": { dtype: "i32", shape: N },
  "tokens.ids": { dtype: "i32", shape: [dim("tokens.unique")] },
  "tokens.starts": { dtype: "i32", shape: [dim("tokens.unique+1")] },
  /** The same of `positions`. */
  "positions.order": { dtype: "i32", shape: N },
  "positions.ids": { dtype: "i32", shape: [dim("positions.unique")] },
  "positions.starts": { dtype: "i32", shape: [dim("positions.unique+1")] },
  /** Index into N of each supervised row, and its target, weight and data source. */
  rows: { dtype: "i32", shape: [R] },
  targets: { dtype: "i32", shape: [R] },
  loss_weights: { dtype: "f32", shape: [R] },
  sources: { dtype: "i32", shape: [R] },
  /** Losses of their own: the sequence of each row, sorted too, and the group and data source of each sequence. */
  row_sequence: { dtype: "i32", shape: [R] },
  "row_sequence.order": { dtype: "i32", shape: [R] },
  "row_sequence.ids": { dtype: "i32", shape: [dim("row_sequence.unique")] },
  "row_sequence.starts": {
    dtype: "i32",
    shape: [dim("row_sequence.unique+1")],
  },
  sequence_group: { dtype: "i32", shape: [S] },
  "sequence_group.order": { dtype: "i32", shape: [S] },
  "sequence_group.ids": { dtype: "i32", shape: [dim("sequence_group.unique")] },
  "sequence_group.starts": {
    dtype: "i32",
    shape: [dim("sequence_group.unique+1")],
  },
  sequence_sources: { dtype: "i32", shape: [S] },
  /** Data source of each group. */
  group_sources: { dtype: "i32", shape: [G] },
  /** What gradients are multiplied by: 1 / the divisor of the optimizer step. */
  loss_scale: { dtype: "f32", shape: [1] },
  /** What gradients of a model's own losses are multiplied by: 1 / the tokens of the optimizer step. */
  token_scale: { dtype: "f32", shape: [1] },
  /** Learning rate and decay of each group, then the optimizer's own numbers. */
  scalars: { dtype: "f32", shape: null },
  /** Row of the ring that an update writes. */
  ring_index: { dtype: "i32", shape: [1] },
  /** Generation: place of each row's first new token in the cache, and the row's slot. */
  lengths: { dtype: "i32", shape: [B] },
  index: { dtype: "i32", shape: [B] },
  /** Generation: how many of a row's new tokens are its own; those behind are padding. */
  counts: { dtype: "i32", shape: [B] },
  /** Sampling: key of each row, and its four options as the kernel `sample` reads them. */
  keys: { dtype: "i32", shape: [B] },
  sampling: { dtype: "f32", shape: [B, 4] },
  /** Prediction at places: key, place, slot and options of each, as the kernel `sample` reads them. */
  place_keys: { dtype: "i32", shape: [R] },
  place_numbers: { dtype: "i32", shape: [R] },
  place_slots: { dtype: "i32", shape: [R] },
  place_sampling: { dtype: "f32", shape: [R, 4] },
  /** The same places in rows without what guides them: index into N. */
  unguided_rows: { dtype: "i32", shape: [R] },
} as const satisfies Readonly<Record<string, InputSpec>>;

/** Name of an input of the engine's programs. */
export type InputName = keyof typeof PROGRAM_INPUTS;

/** Arrays for inputs, with the types of the table. */
export type InputArrays =
  & {
    [K in InputName]?: (typeof PROGRAM_INPUTS)[K]["dtype"] extends "i32"
      ? Int32Array
      : Float32Array;
  }
  & {
    [own: `own.${string}`]: Float32Array;
    [member: `group_member.${number}`]: Int32Array;
  };

/** An input that a loss brings: a number for each of what it is per. */
export function ownInput(graph: Graph, name: string, per: Level): Tensor {
  return graph.input(`own.${name}`, [per === "window" ? 1 : LEVEL_DIMS[per]]);
}

/** Sequence that is member `k` of each group. */
export function memberInput(graph: Graph, k: number): Tensor {
  return graph.input(`group_member.${k}`, [LEVEL_DIMS.group], "i32");
}

/** The input of a graph, as the table says. `shape`: of those whose sizes the program gives. */
export function programInput(
  graph: Graph,
  name: InputName,
  shape?: Shape,
): Tensor {
  const spec: InputSpec = PROGRAM_INPUTS[name];
  const sizes = spec.shape ?? shape;
  if (sizes === undefined) {
    throw new RangeError(
      `The input ${name} has no sizes of its own: give them`,
    );
  }
  return graph.input(name, sizes, spec.dtype);
}
