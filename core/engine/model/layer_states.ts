/**
 * What layers keep of earlier tokens: nothing in training, where every segment starts anew; in generation keys and
 * values, the last tokens of convolutions, the matrices of recurrences, each row's in its slot.
 *
 * ```text
 * training     segments 1 1 1 2 2      a layer sees the tokens of its segment
 * generation   slot of a row           state.0.k (slots, capacity, columns), state.1.tail (slots, taps - 1, C), ...
 * ```
 *
 * @module
 */
import type { LayerState } from "../../contracts/model.ts";
import { dim } from "../../graph/dims.ts";
import type { Graph, Tensor } from "../../graph/graph.ts";
import {
  attention,
  type AttentionDropout,
  type AttentionOptions,
  cachedAttention,
  type KeysAndValues,
  sharedAttention,
} from "../../graph/ops/attention.ts";
import {
  cachedConvolution,
  convolution,
  type StateRows,
} from "../../graph/ops/convolution.ts";
import {
  cachedRecurrence,
  recurrence,
  type RecurrenceOperands,
} from "../../graph/ops/recurrence.ts";
import { programInput } from "../inputs/program_inputs.ts";

/** Where the cache of earlier tokens is stored. */
export interface CacheOptions {
  /** Tokens that a slot holds. */
  readonly capacity: number;
  /** Rows that may be held at a time. */
  readonly slots: number;
  /**
   * Where the program finds what it reads: `tokens` and `positions` i32 (B, T), `lengths` (places of the first
   * new token of each row) and `index` (its slot) i32 (B). Absent: inputs of these names. How many of the new
   * tokens count is the input `counts`.
   */
  readonly feed?: (graph: Graph) => CacheFeed;
}

/** The leaves of a program that generates. */
export interface CacheFeed {
  /** New tokens: i32 (B, T). */
  readonly tokens: Tensor;
  /** Their positions: i32 (B, T). */
  readonly positions: Tensor;
  /** Place of each row's first new token in the cache: i32 (B). */
  readonly lengths: Tensor;
  /** Slot of each row: i32 (B). */
  readonly index: Tensor;
}

/** Sizes of the variable of a state, for so many rows. */
export function stateShape(
  { shape }: LayerState,
  { rows, capacity }: { readonly rows: number; readonly capacity: number },
): number[] {
  return [rows, ...shape.map((d) => d === "capacity" ? capacity : d)];
}

/** Elements that a state has for each row. */
export function stateElements(state: LayerState, capacity: number): number {
  return stateShape(state, { rows: 1, capacity }).reduce((a, b) => a * b, 1);
}

/** Builds the layers of one graph that see other tokens than their own. */
export class LayerStates {
  readonly #graph: Graph;
  readonly #cache: CacheOptions | null;
  readonly #fed: CacheFeed | undefined;
  readonly #declare: (state: LayerState) => void;
  /** Keys and values by layer, the new ones written already. */
  readonly #written = new Map<number, KeysAndValues>();

  constructor(
    graph: Graph,
    cache: CacheOptions | null,
    { fed, declare }: {
      readonly fed: CacheFeed | undefined;
      /** Called with each state that a layer keeps. */
      readonly declare: (state: LayerState) => void;
    },
  ) {
    this.#graph = graph;
    this.#cache = cache;
    this.#fed = fed;
    this.#declare = declare;
  }

  /** Attention, over keys and values of its own or of an earlier layer. */
  attention(
    layer: number,
    { q, k, v, sharedWith }: {
      readonly q: Tensor;
      readonly k: Tensor;
      readonly v: Tensor;
      readonly sharedWith: number | undefined;
    },
    { dropout, ...options }: AttentionOptions & {
      readonly dropout?: AttentionDropout;
    },
  ): Tensor {
    const graph = this.#graph;
    const own = sharedWith === undefined;
    const columns = options.kvHeads * options.headDim;
    const names = ["k", "v"].map((which) => `state.${layer}.${which}`);
    if (own) {
      for (const name of names) {
        this.#declare({ name, shape: ["capacity", columns] });
      }
    }
    if (this.#cache === null) {
      return attention(graph, q, k, v, this.#segments(), {
        ...options,
        ...(dropout === undefined ? {} : { dropout }),
      });
    }
    const rows = this.#rows();
    if (own) {
      const [kCache, vCache] = names.map((name) =>
        this.#variable({ name, shape: ["capacity", columns] })
      );
      const { out, written } = cachedAttention(
        graph,
        { q, k, v },
        { ...rows, k: kCache, v: vCache },
        options,
      );
      this.#written.set(layer, written);
      return out;
    }
    const written = this.#written.get(sharedWith);
    if (written === undefined) {
      throw new RangeError(
        `Layer ${layer} shares keys and values with layer ${sharedWith}, which comes later or has none`,
      );
    }
    return sharedAttention(graph, q, { ...rows, ...written }, options);
  }

  /** A convolution over the last tokens. */
  convolution(name: string, x: Tensor, weight: Tensor): Tensor {
    const taps = Number(weight.shape[weight.shape.length - 1]);
    const state: LayerState = {
      name: `state.${name}.tail`,
      shape: [taps - 1, Number(weight.shape[0])],
    };
    this.#declare(state);
    return this.#cache === null
      ? convolution(this.#graph, x, weight, this.#segments())
      : cachedConvolution(this.#graph, x, weight, {
        ...this.#rows(),
        tail: this.#variable(state),
      });
  }

  /** A recurrence. */
  recurrence(name: string, operands: RecurrenceOperands): Tensor {
    const heads = Number(operands.decay.shape[1]);
    const [keys, values] = [operands.k, operands.v].map((t) =>
      Number(t.shape[1]) / heads
    );
    const state: LayerState = {
      name: `state.${name}.matrix`,
      shape: [heads, keys, values],
    };
    this.#declare(state);
    return this.#cache === null
      ? recurrence(this.#graph, operands, this.#segments())
      : cachedRecurrence(this.#graph, operands, {
        ...this.#rows(),
        state: this.#variable(state),
      });
  }

  #segments(): Tensor {
    return programInput(this.#graph, "segments");
  }

  /** Slots and positions of the batch's rows. */
  #rows(): StateRows {
    const input = (name: "lengths" | "index" | "counts") =>
      programInput(this.#graph, name);
    return {
      lengths: this.#fed?.lengths ?? input("lengths"),
      index: this.#fed?.index ?? input("index"),
      counts: input("counts"),
      B: dim("B"),
      T: dim("T"),
    };
  }

  #variable(state: LayerState): Tensor {
    if (this.#cache === null) throw new RangeError("Training keeps no state");
    const { slots: rows, capacity } = this.#cache;
    return this.#graph.variable(
      state.name,
      stateShape(state, { rows, capacity }),
    );
  }
}
