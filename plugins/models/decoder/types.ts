/**
 * The settings in which dense decoders differ.
 * @module
 */
import type {
  Activation,
  Expr,
  Json,
  LinearSite,
  ModelBuilder,
  RopeScaling,
  Tensor,
} from "@denotune/denotune/core";
import type { GgufLayout, GgufTensor, Refusals } from "./gguf_layout.ts";

/** Names of a decoder's weights, as its files have them. Those of a block are behind `ROOT.layers.N`. */
export interface DecoderNames {
  /** Prefix of everything but the head. */
  readonly root: string;
  /** The norm behind the blocks, behind the root. */
  readonly lastNorm: string;
  /** Norms of a block; null: there is none. */
  readonly norms: {
    readonly beforeAttention: string | null;
    readonly afterAttention: string | null;
    readonly beforeMlp: string | null;
    readonly afterMlp: string | null;
  };
  /** Projections to queries, keys and values; one name: one product for the three. */
  readonly qkv: readonly string[];
  /** Norms of queries and of keys. */
  readonly qkNorms: readonly [string, string];
  /** The projection behind attention. */
  readonly output: string;
  /** Projections to the gate and to what it multiplies; one name: one product for both. */
  readonly gateUp: readonly string[];
  /** The last projection of the MLP. */
  readonly down: string;
}

/** A decoder in numbers. */
export interface DecoderConfig {
  readonly modelType: string;
  /** `config.json` with the defaults made explicit. */
  readonly json: { readonly [key: string]: Json };
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly eps: number;
  readonly maxPositions: number;
  readonly tied: boolean;
  /** Keys of `json` that are written with a decimal point; absent: none. */
  readonly floats?: readonly string[];
  /** Standard deviation of random weights. */
  readonly std: number;
  readonly activation: Activation;
  readonly biases: {
    readonly qkv: boolean;
    readonly output: boolean;
    readonly mlp: boolean;
  };
  readonly names: DecoderNames;
  /** How each layer turns queries and keys by their positions; null: it does not. */
  readonly ropes: readonly (RopeScaling | null)[];
  /** What queries are multiplied by at a position; null: nothing. */
  readonly queryScale: ((position: number) => number) | null;
  /** Window of each layer: a query sees itself and the `window` - 1 tokens before it; null: all tokens. */
  readonly windows: readonly (number | null)[];
  /** What a layer has in the place of attention; absent or null: attention. */
  readonly mixers?: readonly (Mixer | null)[];
  /** Added to the weights of norms. */
  readonly normOffset: number;
  /** Norms of queries and keys before the rotation: over all heads together, or each head alone. */
  readonly qkNorm: "none" | "all heads" | "each head";
  /** Factors of embeddings, scores, and of what is added to the residual. */
  readonly factors: {
    readonly embedding: number;
    readonly scores: number;
    readonly residual: number;
  };
  /** Soft cap of the scores; null: none. */
  readonly scoreCap: number | null;
  /** The function of a logit; null: none. */
  readonly logits: ((x: Expr) => Expr) | null;
  /** Name of the head's bias; absent: it has none. */
  readonly headBias?: string;
  /** Whether tokens see later ones, whatever the objective. Absent: no. */
  readonly bidirectional?: boolean;
  /** How llama.cpp computes it. Absent: it does not know the family. */
  readonly gguf?: GgufFamily;
}

/** What a block builds with. */
export interface BlockBuilder {
  readonly builder: ModelBuilder;
  readonly c: DecoderConfig;
  readonly layer: number;
  /** Tables of this layer's rotary positions, for queries and for keys; null: it has none. */
  readonly tables: { readonly q: Tensor; readonly k: Tensor } | null;
  /** A projection of the block. */
  linear(x: Tensor, site: BlockLinear, addend?: Tensor): Tensor;
  /** A norm of the block, over the last `columns` of x (all of them by default). */
  norm(x: Tensor, name: string, columns?: number): Tensor;
}

/** A linear layer of a block. */
export type BlockLinear = Pick<LinearSite, "name" | "out" | "bias" | "exact">;

/** Lets tokens see others: from the normed hidden states (N, C) to the input of a last projection. */
export type Mixer = (
  block: BlockBuilder,
  h: Tensor,
) => { readonly mixed: Tensor; readonly output: BlockLinear };

/** How llama.cpp computes an architecture. */
export interface GgufFamily {
  /** Its name there: `llama`. */
  readonly architecture: string;
  /** Whether a head's adjacent columns turn together, where transformers turns its halves: rows change places. */
  readonly adjacent?: boolean;
  /** Whether it reads a divisor for each rotary frequency (`rope_freqs`), or two lists of them (`long`). */
  readonly frequencies?: "one" | "long";
  /** Every how manyth layer has no positions. Absent: all have. */
  readonly noPositions?: number;
  /** Whether it has layers with a window among others. Absent: none, and a file's context ends where windows would. */
  readonly windows?: boolean;
  /** Whether layers with a window have a rotary base of their own. */
  readonly windowBase?: boolean;
  /** Biases that it adds. Absent: none. */
  readonly biases?: Partial<DecoderConfig["biases"]>;
  /** The activation that it computes. Absent: `silu`. */
  readonly activation?: "silu" | "gelu_pytorch_tanh";
  /** Norms of queries and keys. Absent: none. */
  readonly qkNorm?: DecoderConfig["qkNorm"];
  /** Whether the width of all heads may differ from that of the hidden states. */
  readonly freeHeads?: boolean;
  /** Columns of a head in its 1/sqrt(D). Absent: the head's. */
  scoreColumns?(c: DecoderConfig): number;
  /** Whether it multiplies embeddings by the root of their width. */
  readonly rootEmbedding?: boolean;
  /** Keys of factors that a file sets. */
  readonly factors?: boolean;
  /** `tied`: it has no head of its own; `own`: it needs one. Absent: both will do. */
  readonly head?: "tied" | "own";
  /** Name of the last norm. Absent: `output_norm`. */
  readonly lastNorm?: string;
  /** Whether it has soft caps of scores and logits. */
  readonly caps?: "both" | "logits";
  /** Weights of what a layer has in the place of attention, by the names behind `layers.N`. */
  readonly mixers?: { readonly [name: string]: GgufTensor };
  /** Settings that only this family has; problems go to `refused`. */
  settings?(c: DecoderConfig, refused: Refusals): GgufLayout["settings"];
}
