/**
 * What an engine is made for: the model, how its weights are stored, and what it is to do.
 * @module
 */
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { Precision } from "../contracts/backend.ts";
import type { ModelDropout, ModelSpec } from "../contracts/model.ts";
import type { Decoding, ObjectiveLoss } from "../contracts/objective.ts";
import type { Optimizer } from "../contracts/optimizer.ts";
import type { DType, Quantization } from "../graph/dtype.ts";
import type { GenerationLimits } from "./generate/programs.ts";
import type { Shard } from "./ranks/shard.ts";

/** What an engine is made for. */
export interface EngineRequest {
  readonly spec: ModelSpec;
  readonly adapter: AttachedAdapter | null;
  /** Weights of the base that are not trained although there is no adapter. */
  readonly frozen?: ReadonlySet<string>;
  /** Storage of frozen weights of two dimensions. */
  readonly frozenDtype: Exclude<DType, "i32" | "i8">;
  /** Storage of frozen matrices of linear layers, instead of `frozenDtype`; null or absent: the same. */
  readonly quantization?: Quantization | null;
  /** Storage of some of them by pattern of their names, instead of `quantization`; the first that matches counts. */
  readonly quantizationPattern?: Readonly<Record<string, Quantization | null>>;
  /** Storage of the frozen head, and with it of the token embedding if both are tied; null or absent: `frozenDtype`. */
  readonly headQuantization?: Quantization | null;
  /** Precision of the products of training and evaluation; absent: float32. Texts are scored and written in float32. */
  readonly precision?: Precision;
  readonly causal: boolean;
  /** Whether micro-batches may be run with causal attention although `causal` is not set; absent: no. */
  readonly startsCausal?: boolean;
  /** The objective's loss; null or absent: weighted cross-entropy. */
  readonly loss?: ObjectiveLoss | null;
  /** The objective and its plugin, for messages about what it gives. */
  readonly objective?: string;
  /** Training, or null to evaluate and generate only. B, T: largest micro-batch. */
  readonly train:
    | {
      readonly B: number;
      readonly T: number;
      readonly optimizer: Optimizer;
      readonly maxGradNorm: number | null;
      readonly checkpointing: boolean;
      /** Dropout of the model's own; absent: none. */
      readonly dropout?: ModelDropout;
      /** This rank's share of the optimizer's states (ZeRO-1); null or absent: it has all of them. */
      readonly shard?: Shard | null;
      /** Fewest numbers that ranks add up while the backward pass computes; null or absent: there is one rank. */
      readonly fewestSummed?: number | null;
    }
    | null;
  readonly evaluate: { readonly B: number; readonly T: number } | null;
  readonly generate: GenerationLimits | null;
  /** Tokens of the longest text that is scored; null or absent: none is. */
  readonly score?: number | null;
  /** How it generates; absent: token by token. */
  readonly decoding?: Decoding;
  /** Number of data sources, for sums by source. */
  readonly sources: number;
}
