/**
 * A model is a function that builds a graph. It makes weights only through named sites, with Hugging
 * Face's tensor names and layouts, so that adapters, checkpoints and exports need no model of their own.
 * @module
 */
import type { Dim } from "../graph/dims.ts";
import type { Expr } from "../graph/expression.ts";
import type { Graph, Tensor } from "../graph/graph.ts";
import type { AttentionOptions } from "../graph/ops/attention.ts";
import type { RecurrenceOperands } from "../graph/ops/recurrence.ts";
import type { Json } from "./json.ts";

/** How a weight starts when the model is made from its config. */
export type Init =
  | { readonly kind: "normal"; readonly std: number }
  /** Uniform in [-bound, bound). */
  | { readonly kind: "uniform"; readonly bound: number }
  | { readonly kind: "ones" }
  | { readonly kind: "zeros" };

/** A weight as stored in the file. */
export interface WeightSpec {
  /** Hugging Face's name: `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Sizes, as in the file. */
  readonly shape: readonly number[];
  /** How it starts from random numbers. */
  readonly init: Init;
  /** Whether it is kept in float32 however a run stores its frozen weights: what no product reads must be. */
  readonly float32?: boolean;
}

/** A linear layer: y = x W^T + b (`NT`, W (out, in)) or x W + b (`NN`, Conv1D's layout, W (in, out)). */
export interface LinearSite {
  /** Name without `.weight`: `model.layers.0.mlp.down_proj`. */
  readonly name: string;
  /** Inputs. */
  readonly in: number;
  /** Outputs. */
  readonly out: number;
  /** Whether there is a bias (out). */
  readonly bias: boolean;
  /** Memory layout of the weight in the file. */
  readonly layout: "NT" | "NN";
  /**
   * Whether its outputs are exponentiated, as attention's keys are: an error of theirs is multiplied by the
   * query, and softmax turns it into a relative one. (An error of a query moves the scores of all keys alike,
   * which softmax does not see.)
   */
  readonly exact?: boolean;
  /** How the weight starts from random numbers. */
  readonly init: Init;
}

/** A table of rows by id. */
export interface EmbeddingSite {
  /** Name without `.weight`. */
  readonly name: string;
  /** Ids that the table holds. */
  readonly rows: number;
  /** Width of a row. */
  readonly columns: number;
  /** How the table starts from random numbers. */
  readonly init: Init;
}

/** A norm: y = (offset + weight) * x / size of x + bias. `layer` takes the mean off x first. */
export interface NormSite {
  /** Name without `.weight`. */
  readonly name: string;
  /** Which norm. */
  readonly kind: "rms" | "layer";
  /** Width that is normed. */
  readonly columns: number;
  /** Added to the mean square or variance. */
  readonly eps: number;
  /** Added to the weight; Gemma keeps 1 less than it multiplies by. Default 0. */
  readonly offset?: number;
  /** Whether there is a weight (columns); default true. */
  readonly weight?: boolean;
  /** Whether there is a bias (columns); default: `layer` has one, `rms` none. */
  readonly bias?: boolean;
}

/** The vocabulary projection: logits = f(hidden W^T + b). */
export interface HeadSpec {
  /** Name of W (V, C): `lm_head.weight`, or the embedding's name when tied. */
  readonly name: string;
  /** Whether W is the embedding's table. */
  readonly tied: boolean;
  /** How W starts from random numbers, where it is not tied. */
  readonly init: Init;
  /** Rows of W, where they are not the vocabulary. */
  readonly columns?: number;
  /** Name of the bias b (V); absent: none. */
  readonly bias?: string;
  /** The function f of each logit, wherever logits are used: a scale, a soft cap. Absent: as they are. */
  logits?(x: Expr): Expr;
}

/**
 * What a layer keeps of a row's earlier tokens while answers are generated, one slot a row. A layer declares it by
 * what it builds; rows take their slot when they join a batch and give it back when they leave.
 */
export interface LayerState {
  /** Name of the variable: `state.0.k`. */
  readonly name: string;
  /** Sizes of a slot; "capacity": as many tokens as a slot holds. */
  readonly shape: readonly (number | "capacity")[];
}

/** Queries, keys, values and decays of a recurrence. */
export type { RecurrenceOperands };

/** Attention of a layer. */
export interface LayerAttention extends Omit<AttentionOptions, "causal"> {
  /**
   * An earlier layer whose keys and values `k` and `v` are: this one keeps none of its own. Absent: the layer's
   * own.
   */
  readonly sharedWith?: number;
}

/** What a model builds with: the same for training, evaluation, prefill and decoding. */
export interface ModelBuilder {
  /** The graph that is built. */
  readonly graph: Graph;
  /** i32 (B, T) */
  readonly tokens: Tensor;
  /** i32 (B, T), restart at 0 in each segment. */
  readonly positions: Tensor;
  /** N = B * T */
  readonly N: Dim;
  /** One more than the largest position of this run: sizes tables made from positions. */
  readonly maxPositions: number;
  /** Whether tokens see later ones (from the objective). */
  readonly causal: boolean;
  /** Rows of a table: (N, columns). */
  embedding(index: Tensor, site: EmbeddingSite): Tensor;
  /** x (N, in) -> (N, out), plus `addend` (the residual) where given. */
  linear(x: Tensor, site: LinearSite, addend?: Tensor): Tensor;
  /** Over the last `columns` of x: x may be (N, heads * columns), then each head is normed alone. */
  norm(x: Tensor, site: NormSite): Tensor;
  /**
   * A weight of any shape that is none of these: trained, saved and loaded under its name as the others, and
   * always kept in float32.
   */
  parameter(weight: WeightSpec): Tensor;
  /** A constant table, computed once on the host. The same name is the same table. */
  constant(
    name: string,
    shape: readonly number[],
    make: () => Float32Array,
  ): Tensor;
  /** Rotates x (N, heads * headDim) by `positions`; `table` (maxPositions, rotary) as in `ops/rope.ts`. */
  rope(
    x: Tensor,
    table: Tensor,
    options: { headDim: number; rotary: number },
  ): Tensor;
  /** x with some of its elements dropped, in training, where the run asks for the model's own dropout; else x. */
  dropout(x: Tensor, place: "embedding" | "residual"): Tensor;
  /** Whether {@linkcode dropout} drops anything there: where not, a sum may be fused into the product before it. */
  drops(place: "embedding" | "residual"): boolean;
  /** Attention of one layer; generation keeps its keys and values (or reads those of an earlier layer). */
  attention(
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    options: LayerAttention,
  ): Tensor;
  /**
   * A causal convolution of each column of x (N, C) over its last tokens, `weight` (C, taps) or (C, 1, taps);
   * generation keeps the last taps - 1 of them under `name`.
   */
  convolution(name: string, x: Tensor, weight: Tensor): Tensor;
  /**
   * Gated linear attention: S_t = exp(decay_t) S_{t-1} + k_t v_t^T for each head, S_t^T q_t (N, heads * valueDim);
   * generation keeps S under `name`.
   */
  recurrence(name: string, operands: RecurrenceOperands): Tensor;
  /**
   * A loss of the model's own beside the objective's (a router's balance): a number of each token (N). Training adds
   * up those of all tokens but padding, divides by their count in the step, and adds `coefficient` times that to what
   * it differentiates. It is reported among the metrics, not in the loss. In training and evaluation only.
   */
  loss(name: string, values: Tensor, options: { coefficient: number }): void;
  /** One block of the model: labels it, and is the unit of gradient checkpointing. */
  block(index: number, body: () => Tensor): Tensor;
}

/** Shares that are dropped in training, in [0, 1); 0: nothing. */
export interface ModelDropout {
  /** Of the embeddings. */
  readonly embedding: number;
  /** Of attention's probabilities. */
  readonly attention: number;
  /** Of what attention and MLP add to the residual. */
  readonly residual: number;
}

/** A model of fixed sizes. */
export interface ModelSpec {
  /** `model_type` of its config. */
  readonly modelType: string;
  /** `config.json` as it is saved: Hugging Face's keys. */
  readonly config: { readonly [key: string]: Json };
  /**
   * Keys of `config` that are written with a decimal point: transformers refuses `30` where its type says float.
   * Absent: none.
   */
  readonly floats?: readonly string[];
  /** Rows of the embedding. */
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Largest position it was made for, or null where there is no bound. */
  readonly maxPositions: number | null;
  /** Whether positions beyond `maxPositions` cannot be run at all (a learned table). */
  readonly positionsAreBounded: boolean;
  /** Where the model has dropout, with the shares of its config; absent: it has none. */
  readonly dropout?: Partial<ModelDropout>;
  /**
   * `bidirectional`: a model whose tokens always see later ones, for objectives whose attention is so. Absent: as the
   * objective says.
   */
  readonly attention?: "bidirectional";
  /** Ends of names of the layers that PEFT adapts where its settings name none; absent: every linear layer. */
  readonly adapterTargets?: readonly string[];
  /** The vocabulary projection. */
  readonly head: HeadSpec;
  /** Hidden states after the last norm (N, C). */
  forward(builder: ModelBuilder): Tensor;
  /** Tensors of the file that are no weights (masks, inverse frequencies): skipped without a word. */
  ignores(name: string): boolean;
  /** Other names under which the file may hold a weight (files without the `model.` prefix). */
  aliases(name: string): readonly string[];
  /** The name under which a saved model holds a weight, where files do not call it as transformers' modules do. */
  fileName?(name: string): string;
  /**
   * Whether a tensor of the files belongs to a part of the model that is not built (a vision tower): it is copied
   * byte for byte to what is saved. Absent: none does.
   */
  carries?(name: string): boolean;
  /**
   * What other layouts must know of the family, by the layout: `gguf` (llama.cpp's architecture, its names of tensors
   * and settings), `onnx`. The exporters of a layout say what they read there. Absent: the family cannot be exported
   * to it.
   */
  readonly exports?: { readonly [layout: string]: Json };
}

/** A released model that people fine-tune. Its own files decide; this is known before they are downloaded. */
export interface PopularModel {
  /** Hub id, `google/gemma-3-270m-it`. The last part of it is the short name that `init --model` takes. */
  readonly id: string;
  /** Its weights, in millions: how large a run starts. */
  readonly millions: number;
  /** The built-in template that writes turns as its own chat template does, `tokenizer` where none does; null: it has no turns. */
  readonly template: string | null;
  /** Tokens that end an answer. */
  readonly stop: readonly string[];
  /** Whether the Hub asks for a login, because a licence must be accepted; absent: no. */
  readonly gated?: boolean;
}

/** What people know of a `model_type`: `plugins` lists it, and `init` starts from it. */
export interface ModelFamily {
  /** A `model_type` that the architecture reads. */
  readonly modelType: string;
  /** Sizes that are usual: `270M, 1B`. */
  readonly sizes: string;
  /** What sets it apart, as half a sentence: `norms of each head, a window in five of six layers`. */
  readonly special: string;
  /** As in {@linkcode ModelSpec}. */
  readonly adapterTargets?: readonly string[];
  /** The objective that it is made for; absent: `causal-lm`. */
  readonly objective?: string;
  /** Models of this type by name, small ones first. */
  readonly popular: readonly PopularModel[];
}

/** One family of models: the built-in kinds `llama` and `gpt2`. */
export interface Architecture {
  /** The `model_type`s of `config.json` that it reads. */
  readonly modelTypes: readonly string[];
  /** What people know of its types; absent: nothing. */
  readonly families?: readonly ModelFamily[];
  /**
   * The model that a `config.json` describes. Throws `ConfigError` by name for every setting that
   * would change the result and is not supported: never run wrong.
   */
  describe(config: { readonly [key: string]: unknown }): ModelSpec;
}
