/**
 * Reads a model's config.json strictly, and collects every problem before it complains.
 * @module
 */
import { ConfigError, type Json } from "@denotune/denotune/core";

/** A config as it was read: unchecked. */
export type RawConfig = { readonly [key: string]: unknown };

/** Reads one config. Values that are wrong are reported by `done`; until then a stand-in is used. */
export class ConfigReader {
  readonly #problems: string[] = [];

  constructor(readonly config: RawConfig, readonly modelType: string) {}

  /** Records a problem. */
  problem(text: string): void {
    this.#problems.push(text);
  }

  /** A positive whole number; `fallback` stands for an absent key, and without it the key is needed. */
  count(key: string, fallback?: number): number {
    const value = this.config[key];
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) {
      return value;
    }
    this.problem(
      value === undefined
        ? `${key} is missing`
        : `${key} is ${show(value)}; a positive whole number is needed`,
    );
    return 1;
  }

  /** As {@linkcode count}, where null means something of its own. */
  countOrNull(key: string, fallback: number | null): number | null {
    const value = this.config[key];
    if (value === null) return null;
    return value === undefined ? fallback : this.count(key);
  }

  /** A number above zero (or, with `zero`, from zero on). */
  number(key: string, fallback: number, options?: { zero: boolean }): number {
    const value = this.config[key] ?? fallback;
    const least = options?.zero ? "at least 0" : "above 0";
    if (
      typeof value === "number" && Number.isFinite(value) &&
      (options?.zero ? value >= 0 : value > 0)
    ) return value;
    this.problem(`${key} is ${show(value)}; a number ${least} is needed`);
    return fallback;
  }

  /** true or false. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.config[key] ?? fallback;
    if (typeof value === "boolean") return value;
    this.problem(`${key} is ${show(value)}; true or false is needed`);
    return fallback;
  }

  /** One of the names in `choices`; the first spelling of each is what it returns. */
  oneOf<T>(key: string, fallback: string, choices: ReadonlyMap<string, T>): T {
    const value = this.config[key] ?? fallback;
    const chosen = typeof value === "string" ? choices.get(value) : undefined;
    if (chosen !== undefined) return chosen;
    const [first] = choices.values();
    this.problem(
      `${key} is ${show(value)}; supported: ${[...choices.keys()].join(", ")}`,
    );
    return first;
  }

  /** Refuses keys that would change the numbers, unless they have one of their neutral values. */
  refuse(neutral: { readonly [key: string]: readonly unknown[] }): void {
    for (const [key, allowed] of Object.entries(neutral)) {
      const value = this.config[key];
      if (value === undefined || value === null) continue;
      if (Array.isArray(value) && value.length === 0) continue;
      if (allowed.includes(value)) continue;
      this.problem(
        `${key} is ${
          show(value)
        }, which is not supported for ${this.modelType}${
          allowed.length > 0 ? ` (only ${allowed.map(show).join(" or ")})` : ""
        }`,
      );
    }
  }

  /** Throws a `ConfigError` that lists every problem, if there are any. */
  done(): void {
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
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/**
 * Keys of other or extended models that change the numbers, with the values at which they do not. What
 * is not listed here and is not read by a model cannot change what it computes.
 */
export const CHANGES_NUMBERS: { readonly [key: string]: readonly unknown[] } = {
  quantization_config: [],
  compression_config: [],
  // attention
  is_causal: [true],
  use_bidirectional_attention: [false],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  attn_logit_softcapping: [],
  attention_multiplier: [],
  query_pre_attn_scalar: [],
  attention_chunk_size: [],
  attn_temperature_tuning: [false],
  clip_qkv: [],
  qk_norm: [false],
  use_qk_norm: [false],
  qk_layernorm: [false],
  multi_query: [false],
  alibi: [false],
  parallel_attn: [false],
  use_parallel_residual: [false],
  // positions
  partial_rotary_factor: [1],
  rotary_pct: [1],
  rope_interleaved: [false],
  rope_interleave: [false],
  no_rope_layers: [],
  no_rope_layer_interval: [],
  // factors
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  final_logit_softcapping: [],
  scale_emb: [1],
  scale_depth: [],
  dim_model_base: [],
  // experts
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  n_routed_experts: [0, 1],
};
