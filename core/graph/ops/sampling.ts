/**
 * Choosing tokens on the device, and the end of a step of decoding.
 * @module
 */
import { product } from "../dims.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { expectDim, expectShape, matrix } from "./_check.ts";

/** Words of 32 bits that hold a bit for each of so many columns. */
export function wordsOfBits(columns: number): number {
  return Math.ceil(columns / 32);
}

/** Inputs: logits (R, V), options (4), keys, places, index i32 (R), seen i32 (slots, words). */
const sampleOp: Op = {
  name: "sample",
  infer([logits, options, keys, places, index, seen]) {
    const [rows, columns] = matrix(logits, "logits");
    expectShape(options.shape, [4], "options");
    expectDim(product(keys.shape), rows, "keys");
    expectDim(product(places.shape), rows, "places");
    expectDim(product(index.shape), rows, "index");
    expectDim(matrix(seen, "seen")[1], wordsOfBits(columns), "words of seen");
    return [{ shape: [rows], dtype: "i32" }];
  },
  lower({ node, input, output, emit }) {
    const [rows, columns] = matrix(node.inputs[0], "logits");
    emit({
      kernel: "sample",
      attributes: { rows, columns, slots: slotsOf(node.inputs[5]) },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
};

/** What tokens are chosen by. */
export interface SampleOperands {
  /** (R, V). They are not changed. */
  readonly logits: Tensor;
  /** Temperature (0: the likeliest), k (0: all), p (1: all), penalty (1: none): (4). */
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
  return graph.apply1(sampleOp, [logits, options, keys, places, index, seen]);
}

interface TakeAttributes {
  readonly capacity: number;
  readonly columns: number;
}

/** Inputs: chosen, index i32 (R), and what is changed: tokens, places, ring, seen. */
const takeTokensOp: Op = {
  name: "take_tokens",
  infer: ([, , ...state]) =>
    state.map(({ shape }) => ({ shape, dtype: "i32" as const })),
  lower({ node, input, output, emit }) {
    const [ring] = matrix(node.inputs[4], "ring");
    emit({
      kernel: "take_tokens",
      attributes: {
        rows: product(node.inputs[0].shape),
        slots: slotsOf(node.inputs[5]),
        ring: ring as number,
        ...(node.attributes as unknown as TakeAttributes),
      },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: node.outputs.map((_, o) => output(o)),
    });
  },
  inPlace: () => [[0, 2], [1, 3], [2, 4], [3, 5]],
  alwaysInPlace: true,
};

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

function slotsOf({ shape: [slots] }: Tensor): number {
  if (typeof slots !== "number") {
    throw new RangeError("A cache has a fixed number of slots");
  }
  return slots;
}
