/**
 * What llama.cpp must know of a family, as `ModelSpec.exports.gguf` says it: the exporter `gguf` reads it, and refuses
 * a model whose part says nothing.
 * @module
 */
import type { Json } from "@denotune/denotune/core";

/** A value of GGUF with its type. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly u32s: readonly number[] };

/** Where a weight goes, and how it changes on the way: rows first, then `factor * (weight + offset)`. */
export interface GgufTensor {
  /** Its name in the file; `*` is the number that `*` is in the weight's name. */
  readonly name: string;
  /** Whether it is stored (in, out), and llama.cpp wants (out, in). */
  readonly transposed?: boolean;
  /** Rows as an array of these sizes, ... */
  readonly view?: readonly number[];
  /** ... whose axes are put in this order. */
  readonly order?: readonly number[];
  readonly offset?: number;
  readonly factor?: number;
  /** Whether it is never stored in blocks. */
  readonly exact?: boolean;
}

/** The whole description. */
export interface GgufLayout {
  readonly architecture: string;
  /** Metadata behind the architecture's name: `block_count`. */
  readonly settings: { readonly [key: string]: GgufValue };
  /** Weights by their names here, `*` for the number of the layer: one of them may be written twice. */
  readonly tensors: { readonly [name: string]: readonly GgufTensor[] };
  /** Tensors that are no weights. */
  readonly constants: { readonly [name: string]: readonly number[] };
  /** What this model has and llama.cpp does not compute. */
  readonly refused: readonly string[];
}

/** Values and the description, written down. */
export const gguf = {
  u32: (u32: number): GgufValue => ({ u32 }),
  f32: (f32: number): GgufValue => ({ f32 }),
  bool: (bool: boolean): GgufValue => ({ bool }),
  string: (string: string): GgufValue => ({ string }),
  u32s: (u32s: readonly number[]): GgufValue => ({ u32s }),
  layout: (layout: GgufLayout): Json => JSON.parse(JSON.stringify(layout)),
};

/** Collects what llama.cpp does not compute. */
export class Refusals {
  readonly all: string[] = [];

  /** Notes `what`, unless it can be computed. */
  unless(can: boolean, what: string): void {
    if (!can) this.all.push(what);
  }
}
