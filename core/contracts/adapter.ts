/**
 * An adapter rewrites the outputs of named sites and declares parameters of its own.
 * @module
 */
import type { Graph, Tensor } from "../graph/graph.ts";
import type { Json } from "./json.ts";
import type {
  EmbeddingSite,
  LinearSite,
  ModelSpec,
  WeightSpec,
} from "./model.ts";

/** A site of the model, as adapters see it. */
export type Site =
  | {
    readonly kind: "linear";
    readonly site: LinearSite;
    readonly block: number | null;
  }
  | {
    readonly kind: "embedding";
    readonly site: EmbeddingSite;
    readonly block: number | null;
  }
  | {
    readonly kind: "head";
    readonly name: string;
    readonly rows: number;
    readonly columns: number;
    readonly tied: boolean;
  };

/** What an adapter builds with at a linear site. */
export interface AdaptContext {
  /** The graph that is built. */
  readonly graph: Graph;
  /** The layer, with the `layout` of `weight` in memory ((out, in) where it is quantised or nothing is trained). */
  readonly site: LinearSite;
  /** Its input (N, in). */
  readonly x: Tensor; // (N, in)
  /** The residual that must be added to the result, if any. */
  readonly addend: Tensor | undefined;
  /** The base's weight, which may be stored in 16 bits or fewer: the second factor of a product only. */
  readonly weight: Tensor;
  /** Its bias, if any. */
  readonly bias: Tensor | undefined;
  /** One of the adapter's parameters, by name. */
  parameter(name: string): Tensor;
  /** Whether the graph trains (dropout is only then). */
  readonly training: boolean;
  /** i32 (N): keys of random numbers. */
  readonly rowKeys: Tensor;
  /** A number that separates this site's random numbers from other sites', the same at every build. */
  readonly stream: number;
}

/** What an adapter builds with at an embedding site. */
export interface EmbeddingContext
  extends Pick<AdaptContext, "graph" | "training" | "rowKeys" | "stream"> {
  /** The table. */
  readonly site: EmbeddingSite;
  /** The rows that were taken out of it (N, columns). */
  readonly output: Tensor;
  /** f32 (B, T): tokens of the example that each token belongs to. */
  readonly lengths: Tensor;
}

/** Reads a tensor by name: the base's or the adapter's, in float32. */
export type TensorReader = (name: string) => Float32Array;

/** An adapter bound to a model. */
export interface AttachedAdapter {
  /** Its own parameters, all trained, in PEFT's names (`base_model.model.<site>.lora_A.weight`). */
  readonly parameters: readonly WeightSpec[];
  /**
   * Values of its own that are not trained and not saved, always float32: they follow from the base, and
   * `initialise` gives them. A graph gets them by `parameter`, as the trained ones.
   */
  readonly constants?: readonly WeightSpec[];
  /**
   * Values that do not follow from `WeightSpec.init`, by name, made from the base as it is stored.
   * Those of `parameters` start a new run. Those of `constants`, and of weights of the base (which take
   * the place of the loaded ones), hold in every run: new, resumed, and when an adapter is only used.
   */
  initialise?(read: TensorReader): ReadonlyMap<string, Float32Array>;
  /**
   * True: it changes how the model is trained and nothing of what is trained. All weights are, and they are
   * saved as a model, as without an adapter.
   */
  readonly savesModel?: boolean;
  /** Whether a weight of the base is trained too (`modules_to_save`, biases). */
  trainsBase(name: string): boolean;
  /** Factor on the learning rate of something that is trained (LoRA+), beside the optimizer's; 1 where absent. */
  learningRateFactor?(tensor: WeightSpec): number;
  /** Output of a linear site, or null: not adapted. */
  linear(context: AdaptContext): Tensor | null;
  /** Output of an embedding site, changed (NEFTune), or null: as it is. */
  embedding?(context: EmbeddingContext): Tensor | null;
  /**
   * Parameters that switch the adapter off, exactly, while they are all zero (LoRA's B) and the base's
   * weights are as they were loaded. Absent: nothing does.
   */
  readonly switches?: readonly string[];
  /**
   * The base weight with the adapter folded in, in float32, or null where a weight stays as it is. `read`
   * gives weights of the base as they were loaded, and the adapter's parameters as they are trained.
   */
  merged(weight: string, read: TensorReader): Float32Array | null;
  /** `adapter_config.json`. */
  config(
    base: { path: string | null; revision: string | null },
  ): { readonly [key: string]: Json };
  /** Name in `adapter_model.safetensors` of a base weight that is trained too. */
  savedName(weight: string): string;
  /** Other names under which readers look for the same tensor (a tied head): written beside it, never read. */
  savedCopies?(weight: string): readonly string[];
  /** Whether a tensor of `adapter_model.safetensors` says nothing of the result, and may be there unread. */
  ignores?(saved: string): boolean;
}

/** What is beside an `adapter_config.json`. */
export interface SavedAdapter {
  /** Names of the tensors in `adapter_model.safetensors`. */
  readonly tensors: ReadonlySet<string>;
}

/** Makes adapters. */
export interface Adapter {
  /**
   * Whether the head of this model, which is its embedding, must become a weight of its own, because the
   * adapter trains one of the two and not the other, or each apart. `attach` then gets the untied model.
   */
  untiesHead?(
    model: { sites: readonly Site[]; weights: readonly WeightSpec[] },
  ): boolean;
  /** Chooses sites. Throws `ConfigError` that lists the sites if none matches. */
  attach(
    model: {
      spec: ModelSpec;
      sites: readonly Site[];
      weights: readonly WeightSpec[];
      /**
       * Names of weights that have rows for new tokens: they must be trained and saved, whatever the
       * options say. Absent: none.
       */
      grown?: readonly string[];
    },
  ): AttachedAdapter;
  /**
   * The adapter that an `adapter_config.json` describes, or null where that is another kind's. Which
   * options this one was made with does not matter. Throws `ConfigError` by name for settings that would
   * change the result and are not supported.
   */
  configured?(
    config: { readonly [key: string]: unknown },
    saved?: SavedAdapter,
  ): Adapter | null;
}
