/**
 * Reads a model's config.json strictly, and collects every problem before it complains. It notes which keys
 * were read: a key that nobody read and that asks for something is refused by name, so that a setting that
 * would change the numbers is never left out in silence.
 * @module
 */
import type { Activation, Activations } from "../contracts/activation.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Json } from "../contracts/json.ts";

/** A config as it was read: unchecked. */
export type RawConfig = { readonly [key: string]: unknown };

/** Layers of a model at most: building one of 10,000 takes a second, and the largest known have some 130. */
const MOST_LAYERS = 10_000;

/** Reads one config. Values that are wrong are reported by `done`; until then a placeholder is used. */
export class ConfigReader {
  /** `model_type`, as errors show it. */
  readonly modelType: string;
  readonly #config: RawConfig;
  readonly #read = new Set<string>();
  readonly #problems: string[] = [];

  /** A reader of the config of a model of that `model_type`. */
  constructor(config: RawConfig, modelType: string) {
    this.#config = config;
    this.modelType = modelType;
  }

  /** Records a problem. */
  problem(text: string): void {
    this.#problems.push(text);
  }

  /** The value of a key as it is, which counts as read. */
  raw(key: string): unknown {
    this.#read.add(key);
    return this.#config[key];
  }

  /** Keys that this family has and that change nothing here. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** A positive whole number; `fallback` is the value of an absent key; without `fallback` the key is required. */
  count(key: string, fallback?: number): number {
    const value = this.raw(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) {
      return value;
    }
    this.problem(
      value === undefined
        ? `${key} is missing`
        : `${key} is ${showValue(value)}; a positive whole number is needed`,
    );
    return 1;
  }

  /** The number of layers: a count for which a model can be built before its weights are looked at. */
  layers(key: string, fallback?: number): number {
    const layers = this.count(key, fallback);
    if (layers <= MOST_LAYERS) return layers;
    this.problem(
      `${key} is ${layers}; models of up to ${MOST_LAYERS} layers can be built`,
    );
    return 1;
  }

  /** As {@linkcode count}, where null means something of its own. */
  countOrNull(key: string, fallback: number | null): number | null {
    const value = this.raw(key);
    if (value === null) return null;
    return value === undefined ? fallback : this.count(key);
  }

  /** A number above zero (or, with `zero`, from zero on). */
  number(key: string, fallback: number, options?: { zero: boolean }): number {
    const value = this.raw(key) ?? fallback;
    const least = options?.zero ? "at least 0" : "above 0";
    if (
      typeof value === "number" && Number.isFinite(value) &&
      (options?.zero ? value >= 0 : value > 0)
    ) return value;
    this.problem(`${key} is ${showValue(value)}; a number ${least} is needed`);
    return fallback;
  }

  /** As {@linkcode number}, where null means that there is none; an absent key has the fallback. */
  numberOrNull(key: string, fallback: number | null): number | null {
    const value = this.raw(key);
    if (value === null || (value === undefined && fallback === null)) {
      return null;
    }
    return this.number(key, fallback ?? 1);
  }

  /** true or false; null is no yes, and refused where the fallback is one. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key);
    if (typeof value === "boolean") return value;
    if (value === undefined || (value === null && !fallback)) return fallback;
    this.problem(`${key} is ${showValue(value)}; true or false is needed`);
    return fallback;
  }

  /** One of the names in `choices`; the first spelling of each is what it returns. */
  oneOf<T>(key: string, fallback: string, choices: ReadonlyMap<string, T>): T {
    const value = this.raw(key) ?? fallback;
    const chosen = typeof value === "string" ? choices.get(value) : undefined;
    if (chosen !== undefined) return chosen;
    const [first] = choices.values();
    this.problem(
      `${key} is ${showValue(value)}; supported: ${
        [...choices.keys()].join(", ")
      }`,
    );
    return first;
  }

  /** The activation that a key names. */
  activation(
    key: string,
    fallback: string,
    activations: Activations,
  ): Activation {
    return this.oneOf(key, fallback, activations);
  }

  /** A kind for each layer, each one of `kinds`; null where the key is absent or null. */
  layerTypes(
    layers: number,
    kinds: readonly string[],
  ): readonly string[] | null {
    const value = this.raw("layer_types") ?? null;
    if (value === null) return null;
    if (
      Array.isArray(value) && value.length === layers &&
      value.every((t) => kinds.includes(t))
    ) return value;
    this.problem(
      `layer_types is ${showValue(value)}; ${layers} of ${
        kinds.join(", ")
      } are supported`,
    );
    return null;
  }

  /** Refuses keys that would change the numbers, unless they have one of their neutral values. */
  refuse(neutral: { readonly [key: string]: readonly unknown[] }): void {
    for (const [key, allowed] of Object.entries(neutral)) {
      const value = this.raw(key);
      if (isEmpty(value) || allowed.includes(value)) continue;
      this.problem(
        `${key} is ${
          showValue(value)
        }, which is not supported for ${this.modelType}${
          allowed.length > 0
            ? ` (only ${allowed.map(showValue).join(" or ")})`
            : ""
        }`,
      );
    }
  }

  /**
   * Throws a `ConfigError` that lists every problem, if there are any: those that were recorded, and every key
   * that nobody read, unless it is off, has a value that changes nothing, or is known to be harmless.
   */
  done(): void {
    for (const key of Object.keys(this.#config)) {
      if (this.#read.has(key) || isHarmless(key)) continue;
      this.refuse({ [key]: NEUTRAL[key] ?? [false] });
    }
    if (this.#problems.length > 0) throw this.#error();
  }

  /** The error for a problem after which nothing more can be read. */
  last(text: string): ConfigError {
    this.problem(text);
    return this.#error();
  }

  #error(): ConfigError {
    const [first, ...more] = this.#problems;
    return new ConfigError(
      `This ${this.modelType} model cannot be run as its config asks: ${first}${
        more.map((p) => `\n  and ${p}`).join("")
      }`,
    );
  }
}

/** The config as JSON, with defaults made explicit where the key is absent. */
export function completed(
  config: RawConfig,
  defaults: { readonly [key: string]: Json },
): { readonly [key: string]: Json } {
  const given: { [key: string]: Json } = JSON.parse(JSON.stringify(config));
  return { ...defaults, ...given };
}

/** A value in a message, shortened. */
export function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** Whether a value asks for nothing. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0);
}

/** Keys that no model computes with, the same for every family. */
function isHarmless(key: string): boolean {
  return HARMLESS.has(key) || HARMLESS_NAMES.some((name) => name.test(key));
}

const HARMLESS_NAMES: readonly RegExp[] = [
  /^_/, // where a config came from, and how transformers runs it
  /_token(_ids?)?$/, // which tokens generation and data treat specially
  /dropout|_pdrop$/, // counts where a run asks for it by `model.dropout`
  /^summary_/, // a head of GPT-2 that a language model has not
  /(^|_)(version|name|note|comment|path|license|author|date|url)$/,
  /^unsloth_/, // which tool has touched the file
];

const HARMLESS: ReadonlySet<string> = new Set([
  "model_type",
  "architectures",
  "auto_map",
  "dtype",
  "torch_dtype",
  "torchscript",
  "use_bfloat16",
  "use_cache",
  "cache_implementation",
  "gradient_checkpointing",
  "initializer_range",
  "initializer_factor",
  "output_attentions",
  "output_hidden_states",
  "output_scores",
  "return_dict",
  "return_dict_in_generate",
  "chunk_size_feed_forward", // the same sums, cut
  "pretraining_tp", // how the same product was once cut
  "reorder_and_upcast_attn", // the same numbers in float32
  "n_ctx", // an older name of n_positions, which nothing reads
  "is_llama_config", // SmolLM2 says so of itself
  "max_sequence_length",
  "model_max_length",
  "attn_implementation",
  "use_flash_attn",
  "use_flash_attention",
  "neftune_noise_alpha",
  "tokenizer_class",
  "transformers.js_config",
  // heads that a language model has not
  "id2label",
  "label2id",
  "num_labels",
  "problem_type",
  "finetuning_task",
  "task_specific_params",
  "is_decoder",
  "tie_encoder_decoder",
  // settings of generation, which have a file of their own
  "bad_words_ids",
  "begin_suppress_tokens",
  "suppress_tokens",
  "decoder_start_token_id",
  "diversity_penalty",
  "do_sample",
  "early_stopping",
  "encoder_no_repeat_ngram_size",
  "exponential_decay_length_penalty",
  "length_penalty",
  "max_length",
  "max_new_tokens",
  "min_length",
  "no_repeat_ngram_size",
  "num_beam_groups",
  "num_beams",
  "num_return_sequences",
  "prefix",
  "remove_invalid_values",
  "repetition_penalty",
  "temperature",
  "tf_legacy_loss",
  "top_k",
  "top_p",
  "typical_p",
]);

/** Values at which settings of other families change nothing, where it is not `false`. */
const NEUTRAL: { readonly [key: string]: readonly unknown[] } = {
  is_causal: [true],
  // positions
  partial_rotary_factor: [1],
  rotary_pct: [1],
  // factors
  embedding_multiplier: [1],
  attention_multiplier: [],
  residual_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  scale_emb: [1],
  // experts
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  n_routed_experts: [0, 1],
};
