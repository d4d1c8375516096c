/**
 * What the translation of a kernel call is given.
 * @module
 */
import type { Dim } from "@denotune/denotune/core";
import type { GraphBuilder } from "./builder.ts";
import type { StoredWeight } from "../file/weights.ts";

/** A call that is being translated. */
export interface Translation<A> {
  /** Where operators are added. */
  readonly onnx: GraphBuilder;
  /** Attributes of the call. */
  readonly attributes: A;
  /** The batch: masks and places of its tokens. */
  readonly batch: Batch;
  /** Input `i`, float32 or whole numbers, in these sizes. */
  input(i: number, dims: readonly Dim[]): string;
  /** Whether input `i` holds whole numbers. */
  isWhole(i: number): boolean;
  /** Input `i` as it is stored, where it is a weight that a product reads; null: it is none. */
  weight(i: number): StoredWeight | null;
  /** Rows of the table that input `i` is, by the positions of the batch or other whole numbers. */
  lookUp(i: number, index: string, columns: number): string;
  /** The cache that input `i` is, with the new keys or values. */
  cache(i: number): string;
  /** Heads of the attention that reads the cache of input `i`. */
  heads(i: number): { readonly kvHeads: number; readonly headDim: number };
  /** What the layer kept before, in the variable of input `i`; sizes behind the rows of the batch. */
  state(i: number, dims: readonly (number | "past")[]): string;
  /**
   * Whether the factor of a product with input `i` is multiplied into the values of that input: a parameter of an
   * adapter that nothing else reads.
   */
  folds(i: number, factor: number): boolean;
  /** What output `o` is. */
  output(o: number, value: string, dims: readonly Dim[]): void;
  /** A shape as a list of whole numbers. */
  shape(dims: readonly Dim[]): string;
  /** Throws `ConfigError` that names the op: it `what`. */
  refuse(what: string): never;
}

/** Translates the calls of a kernel. */
export type KernelTranslation<A> = (t: Translation<A>) => void;

/** What every row of the batch has, made where something asks for it. */
export interface Batch {
  /** 1 for each token of the row, earlier ones included, 0 for padding: int64 (B, P + T). */
  readonly mask: string;
  /** The same of the new tokens: float32 (B, T). */
  fresh(): string;
  /** What scores are added to: 0 where a query sees a key, a large negative number elsewhere: (B, 1, 1, T, P + T). */
  bias(
    rule: {
      readonly causal: boolean;
      readonly window: number | null;
      /** Tokens see those of their segment alone: padding sees padding. */
      readonly segments: boolean;
    },
  ): string;
}
