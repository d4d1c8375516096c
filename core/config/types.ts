/**
 * The run file in types: {@linkcode RunInput} is what people write, {@linkcode RunConfig} what a run
 * is made of, every default filled in. The schemas of this folder hold these interfaces to their word.
 * @module
 */
import type { Choice, Json } from "../plugin.ts";

/** `sft` trains what the model answers, `pretrain` all of the text. It only changes defaults. */
export type TrainingMode = "sft" | "pretrain";

/** How numbers are stored. */
export type StorageDtype = "float32" | "bfloat16" | "float16";

/** What happens to an example longer than `max_length`. */
export type Truncation =
  | "drop"
  | "error"
  | "keep-start"
  | "keep-end"
  | "drop-oldest-turns"
  | "trim-prompt"
  | "split";

/** A number of steps, the end of each epoch, or never. */
export type Every = number | "epoch" | null;

/** The key `model`, as written: exactly one of `path` and `from_config`. */
export interface ModelInput {
  path?: string | null;
  revision?: string;
  dtype?: StorageDtype;
  save_dtype?: StorageDtype;
  from_config?: Readonly<Record<string, Json>> | null;
}

/** The key `model`, resolved. */
export interface ModelConfig {
  /** An absolute folder, or a Hub id; null with `from_config`. */
  readonly path: string | null;
  /** Branch, tag or commit of a Hub id; the commit where it is already in the cache. */
  readonly revision: string;
  /** Storage of frozen weights. */
  readonly dtype: StorageDtype;
  readonly save_dtype: StorageDtype;
  readonly from_config: Readonly<Record<string, Json>> | null;
}

/** One entry of `data.eval`, as written: exactly one of `path` and `rows`. */
export interface EvalEntryInput {
  path?: string | null;
  /** Rows in memory, in TypeScript only. */
  rows?: readonly unknown[] | null;
  format?: Choice;
  name?: string | null;
  split?: string | null;
  revision?: string;
  max_rows?: number | null;
  template?: Choice | null;
  masker?: Choice | null;
}

/** One entry of `data.train`, as written. */
export interface TrainEntryInput extends EvalEntryInput {
  weight?: number | null;
}

/** One entry of `data.eval`, resolved. */
export interface EvalEntry {
  /** An absolute path, or a Hub id; null with `rows`. */
  readonly path: string | null;
  readonly rows: readonly unknown[] | null;
  /** A format, or `auto`: the one that recognises the rows. */
  readonly format: Choice;
  /** Configuration of a Hub data set. */
  readonly name: string | null;
  readonly split: string | null;
  readonly revision: string;
  readonly max_rows: number | null;
  /** Null: that of `data`. */
  readonly template: Choice | null;
  readonly masker: Choice | null;
}

/** One entry of `data.train`, resolved. */
export interface TrainEntry extends EvalEntry {
  /** Share of this source; given for all sources or for none. */
  readonly weight: number | null;
}

/** The key `data`, as written. */
export interface DataInput {
  train: readonly TrainEntryInput[];
  eval?: readonly EvalEntryInput[];
  eval_fraction?: number;
  template?: Choice;
  masker?: Choice;
  include_system_prompt?: boolean;
  max_length?: number;
  truncation?: Truncation;
  collator?: Choice;
  shuffle?: boolean;
  boundary_token?: "mask" | "train" | "split";
  stopping?: "first_exhausted" | "all_exhausted";
  max_untrained_share?: number;
  allow_unlearned_end?: boolean;
}

/** The key `data`, resolved. `template` and `masker` may still be `auto`. */
export interface DataConfig {
  readonly train: readonly TrainEntry[];
  readonly eval: readonly EvalEntry[];
  readonly eval_fraction: number;
  readonly template: Choice;
  readonly masker: Choice;
  readonly include_system_prompt: boolean;
  readonly max_length: number;
  readonly truncation: Truncation;
  readonly collator: Choice;
  readonly shuffle: boolean;
  readonly boundary_token: "mask" | "train" | "split";
  readonly stopping: "first_exhausted" | "all_exhausted";
  readonly max_untrained_share: number;
  readonly allow_unlearned_end: boolean;
}

/** The key `training`, resolved. */
export interface TrainingConfig {
  readonly epochs: number;
  readonly max_steps: number | null;
  readonly batch_size: number;
  readonly gradient_accumulation_steps: number;
  readonly max_grad_norm: number | null;
  readonly gradient_checkpointing: boolean;
  readonly logging_steps: number;
  readonly eval_steps: Every;
  readonly eval_on_start: boolean;
  readonly save_steps: Every;
  readonly save_total_limit: number | null;
  /** `auto`, `never`, or the absolute path of a checkpoint. */
  readonly resume: string;
}
/** The key `training`, as written: every key has a default. */
export type TrainingInput = {
  -readonly [K in keyof TrainingConfig]?: TrainingConfig[K];
};

/** The key `generation`, resolved: how samples and answers are drawn. */
export interface GenerationConfig {
  readonly max_new_tokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  readonly top_p: number;
  readonly stop: readonly string[];
}
/** The key `generation`, as written. */
export type GenerationInput = {
  -readonly [K in keyof GenerationConfig]?: GenerationConfig[K];
};

/** The key `samples`, resolved: prompts answered for people to look at. */
export interface SamplesConfig {
  readonly prompts: readonly string[];
  readonly at: readonly ("start" | "end")[];
}
/** The key `samples`, as written. */
export type SamplesInput = {
  -readonly [K in keyof SamplesConfig]?: SamplesConfig[K];
};

/** A run file as people write it, in YAML or in TypeScript. */
export interface RunInput {
  output_dir?: string | null;
  extends?: string | readonly string[] | null;
  seed?: number;
  plugins?: readonly string[];
  backend?: Choice;
  training_mode?: TrainingMode;
  model: ModelInput;
  tokenizer?: Choice;
  adapter?: Choice | null;
  data: DataInput;
  objective?: Choice;
  optimizer?: Choice;
  schedule?: Choice;
  training?: TrainingInput;
  evaluators?: readonly Choice[];
  generation?: GenerationInput;
  samples?: SamplesInput;
  trackers?: readonly Choice[];
}

/**
 * A run, every default filled in. A part is `{use: name, ...all its options}` (or the part itself,
 * where it was chosen in code), `auto`, or null.
 */
export interface RunConfig {
  /** Absolute. */
  readonly output_dir: string;
  /** Always null: what was extended is merged. */
  readonly extends: string | readonly string[] | null;
  readonly seed: number;
  /** Absolute paths and `npm:`, `jsr:`, `https:` specifiers. */
  readonly plugins: readonly string[];
  readonly backend: Choice;
  readonly training_mode: TrainingMode;
  readonly model: ModelConfig;
  readonly tokenizer: Choice;
  readonly adapter: Choice | null;
  readonly data: DataConfig;
  readonly objective: Choice;
  readonly optimizer: Choice;
  readonly schedule: Choice;
  readonly training: TrainingConfig;
  readonly evaluators: readonly Choice[];
  readonly generation: GenerationConfig;
  readonly samples: SamplesConfig;
  readonly trackers: readonly Choice[];
}

/** A run written in TypeScript, checked by the compiler; the same object. */
export function defineRun(run: RunInput): RunInput {
  return run;
}
