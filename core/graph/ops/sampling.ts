/**
 * Choosing tokens on the device, and the end of a step of decoding.
 * @module
 */
import { product } from "../dims.ts";
import type { Graph, NoAttributes, Op, Tensor, TensorType } from "../graph.ts";
import type { TakeTokensAttributes } from "../kernels/mod.ts";
import { matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";

/** Inputs: logits (R, V), options (R, 4), keys, places, index i32 (R), seen i32 (slots, words). */
const sampleOp: Op<NoAttributes> = kernelOp("sample", {
  attributes([logits, , , , , seen]) {
    const [rows, columns] = matrix(logits, "logits");
    return { rows, columns, slots: slotsOf(seen) };
  },
});

/** What tokens are chosen by. */
export interface SampleOperands {
  /** (R, V). They are not changed. */
  readonly logits: Tensor;
  /** Of each row: temperature (0: the likeliest), k (0: all), p (1: all), penalty (1: none): (R, 4). */
  readonly options: Tensor;
  /** Key of each row's random numbers: i32 (R). */
  readonly keys: Tensor;
  /** Place of the token before: i32 (R). */
  readonly places: Tensor;
  /** Each row's slot: i32 (R). */
  readonly index: Tensor;
  /** A bit for every token that was there before: i32 (slots, ceil(V / 32)). */
  readonly seen: Tensor;
}

/** A token for each row: i32 (R). What is done is said at the kernel `sample`. */
export function sample(graph: Graph, operands: SampleOperands): Tensor {
  const { logits, options, keys, places, index, seen } = operands;
  return graph.apply1(
    sampleOp,
    [logits, options, keys, places, index, seen],
    {},
  );
}

/** Inputs: chosen, index i32 (R), and what is changed: tokens, places, ring, seen. */
const takeTokensOp: Op<
  Pick<TakeTokensAttributes, "capacity" | "columns">
> = kernelOp("take_tokens", {
  attributes([chosen, , , , ring, seen], own) {
    return {
      rows: product(chosen.shape),
      slots: slotsOf(seen),
      ring: slotsOf(ring),
      ...own,
    };
  },
  alwaysInPlace: true,
});

/** What a decode program keeps from step to step: variables of i32. */
export interface DecodeState {
  /** The next step's tokens: (slots), of which the first R count. */
  readonly tokens: Tensor;
  /** Their places: (slots). */
  readonly places: Tensor;
  /** The tokens of the last steps, by place: (ring, slots). */
  readonly ring: Tensor;
  /** A bit for every token that was there before: (slots, ceil(V / 32)). */
  readonly seen: Tensor;
}

/** Makes the chosen tokens (R) the next step's: after the program the state holds them. */
export function takeTokens(
  graph: Graph,
  chosen: Tensor,
  state: DecodeState,
  at: { readonly index: Tensor; readonly capacity: number; columns: number },
): void {
  const { tokens, places, ring, seen } = state;
  const variables = [tokens, places, ring, seen];
  const after = graph.apply(takeTokensOp, [chosen, at.index, ...variables], {
    capacity: at.capacity,
    columns: at.columns,
  });
  variables.forEach((variable, i) => graph.assign(variable, after[i]));
}

function slotsOf({ shape: [slots] }: TensorType): number {
  if (typeof slots !== "number") {
    throw new RangeError("A cache has a fixed number of slots");
  }
  return slots;
}
