/**
 * The run file in types: {@linkcode RunInput} is what people write, {@linkcode RunConfig} what a run
 * is made of, every default filled in. The schemas of this folder hold these interfaces to their word.
 * @module
 */
import type { Precision } from "../contracts/backend.ts";
import type { Quantization } from "../graph/dtype.ts";
import type { Json } from "../contracts/json.ts";
import type { Choice } from "../contracts/plugin.ts";
import type { DataValues, Truncation } from "./schema/data_options.ts";

export type { Truncation };

/** `sft` trains what the model answers, `pretrain` all of the text. It only changes defaults. */
export type TrainingMode = "sft" | "pretrain";

/** What becomes of a run that is too large: it is refused, or made to fit. */
export type MemoryMode = "as-written" | "auto";

/** How numbers are stored. */
export type StorageDtype = "float32" | "bfloat16" | "float16";

/** A number of steps, the end of each epoch, or never. */
export type Every = number | "epoch" | null;

/** The key `model`, as written: exactly one of `path` and `from_config`. */
export interface ModelInput {
  /** Folder (or file) or Hub id; null where another key replaces it. */
  path?: string | null;
  /** Branch, tag or commit of a Hub id. */
  revision?: string;
  /** Storage of frozen weights. */
  dtype?: StorageDtype;
  /** Storage of the frozen matrices of linear layers in 8 or 4 bits; null: as `dtype` says. */
  quantization?: Quantization | null;
  /** Storage of some of these matrices, by pattern of their names; the first that matches counts. */
  quantization_pattern?: Readonly<Record<string, Quantization | null>>;
  /** Storage of the weights that are saved. */
  save_dtype?: StorageDtype;
  /** Dropout of the model's own: a share, or those of its config.json; 0: none. */
  dropout?: number | "config";
  /** Names of weights that are not trained; `*` matches anything. */
  freeze?: readonly string[];
  /** Contents of a Hugging Face config.json: random weights, instead of `path`. */
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
  /** Storage of the frozen matrices of linear layers in 8 or 4 bits; null: as `dtype` says. */
  readonly quantization: Quantization | null;
  /** Storage of some of these matrices, by pattern of their names; the first that matches counts. */
  readonly quantization_pattern: Readonly<Record<string, Quantization | null>>;
  /** Storage of the weights that are saved. */
  readonly save_dtype: StorageDtype;
  /** Dropout of the model's own: a share, or those of its config.json; 0: none. */
  readonly dropout: number | "config";
  /** Names of weights that are not trained; `*` matches anything. */
  readonly freeze: readonly string[];
  /** Contents of a Hugging Face config.json: random weights, instead of `path`. */
  readonly from_config: Readonly<Record<string, Json>> | null;
}

/** One entry of `data.eval`, as written: exactly one of `path` and `rows`. */
export interface EvalEntryInput {
  /** File, folder, pattern (`data/*.jsonl`) or Hub id; null where another key replaces it. */
  path?: string | null;
  /** How the files are read; `auto`: by their names. */
  source?: Choice;
  /** Rows in memory, in TypeScript only. */
  rows?: readonly unknown[] | null;
  /** What the columns mean. */
  format?: Choice;
  /** Configuration of a Hub data set. */
  name?: string | null;
  /** Split of a Hub data set or a folder, slices and sums: `train`, `train[:1000]`, `train+test`. */
  split?: string | null;
  /** Files of a Hub data set or a folder, by path or pattern, instead of its splits. */
  data_files?: string | readonly string[] | null;
  /** Branch, tag or commit of a Hub id. */
  revision?: string;
  /** Use only this many rows; null: all. */
  max_rows?: number | null;
  /** How turns are written. */
  template?: Choice | null;
  /** Which tokens are trained. */
  masker?: Choice | null;
}

/** One entry of `data.train`, as written. */
export interface TrainEntryInput extends EvalEntryInput {
  /** Share of this source; given for all sources or for none. */
  weight?: number | null;
  /** Passes over this source in each epoch. */
  epochs?: number | null;
}

/** One entry of `data.eval`, resolved. */
export interface EvalEntry {
  /** An absolute path, or a Hub id; null with `rows`. */
  readonly path: string | null;
  /** What reads the files, or `auto`: the source that knows their names. */
  readonly source: Choice;
  /** Rows in memory, instead of `path`. */
  readonly rows: readonly unknown[] | null;
  /** A format, or `auto`: the one that recognises the rows. */
  readonly format: Choice;
  /** Configuration of a Hub data set. */
  readonly name: string | null;
  /** Split of a Hub data set or a folder, slices and sums: `train`, `train[:1000]`, `train+test`. */
  readonly split: string | null;
  /** Files of a Hub data set or a folder, by path or pattern, instead of its splits. */
  readonly data_files: string | readonly string[] | null;
  /** Branch, tag or commit of a Hub id. */
  readonly revision: string;
  /** Use only this many rows; null: all. */
  readonly max_rows: number | null;
  /** Null: that of `data`. */
  readonly template: Choice | null;
  /** Which tokens are trained. */
  readonly masker: Choice | null;
}

/** One entry of `data.train`, resolved. */
export interface TrainEntry extends EvalEntry {
  /** Share of this source; given for all sources or for none. */
  readonly weight: number | null;
  /** Passes over this source in each epoch: exactly so many without weights (null: 1), else at most. */
  readonly epochs: number | null;
}

/** Values of the key `data`, as written: every key has a default. */
export type DataValuesInput = {
  -readonly [K in keyof DataValues]?: DataValues[K];
};

/** The key `data`, as written. */
export interface DataInput extends DataValuesInput {
  /** What is trained on. */
  train: readonly TrainEntryInput[];
  /** What is evaluated on. */
  eval?: readonly EvalEntryInput[];
  /** How turns are written. */
  template?: Choice;
  /** Which tokens are trained. */
  masker?: Choice;
  /** How examples are laid out in a batch. */
  collator?: Choice;
}

/** The key `data`, resolved. `template` and `masker` may still be `auto`. */
export interface DataConfig extends DataValues {
  /** What is trained on. */
  readonly train: readonly TrainEntry[];
  /** What is evaluated on. */
  readonly eval: readonly EvalEntry[];
  /** How turns are written. */
  readonly template: Choice;
  /** Which tokens are trained. */
  readonly masker: Choice;
  /** How examples are laid out in a batch. */
  readonly collator: Choice;
}

/** The key `training`, resolved. */
export interface TrainingConfig {
  /** Passes over the data. */
  readonly epochs: number;
  /** Ends the run earlier: optimizer steps. */
  readonly max_steps: number | null;
  /** Examples (packs, if packed) in one micro-batch. */
  readonly batch_size: number;
  /** Micro-batches in one optimizer step. */
  readonly gradient_accumulation_steps: number;
  /** Global gradient norm above which gradients are scaled down; null: never. */
  readonly max_grad_norm: number | null;
  /** Updates in a row that may be left out before the run stops; null: any. */
  readonly max_skipped_updates: number | null;
  /** Storage of the factors of matrix products; sums and trained weights are in float32. */
  readonly precision: Precision;
  /** Compute activations again instead of keeping them. */
  readonly gradient_checkpointing: boolean;
  /** Steps between two log lines. */
  readonly logging_steps: number;
  /** Steps between two evaluations. */
  readonly eval_steps: Every;
  /** Evaluate before the first step. */
  readonly eval_on_start: boolean;
  /** Steps between two checkpoints. */
  readonly save_steps: Every;
  /** Checkpoints that are kept, the best among them; null: all. */
  readonly save_total_limit: number | null;
  /** End with the weights of the best evaluation instead of the last ones. */
  readonly load_best_model_at_end: boolean;
  /** The number of an evaluation that says which is best, with or without `eval_`. */
  readonly metric_for_best_model: string;
  /** Whether a larger number is better; null: unless its name ends in loss or perplexity. */
  readonly greater_is_better: boolean | null;
  /** Evaluations in a row without a gain after which training stops; null: never. */
  readonly early_stopping_patience: number | null;
  /** What a gain must be more than. */
  readonly early_stopping_threshold: number;
  /** `auto`, `never`, or the absolute path of a checkpoint. */
  readonly resume: string;
}
/** The key `training`, as written: every key has a default. */
export type TrainingInput = {
  -readonly [K in keyof TrainingConfig]?: TrainingConfig[K];
};

/** The key `generation`, resolved: how samples and answers are drawn. */
export interface GenerationConfig {
  /** Tokens written at most. */
  readonly max_new_tokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  /** Draw from the likeliest tokens that together have this probability. */
  readonly top_p: number;
  /** Texts that end an answer, besides the template's own. */
  readonly stop: readonly string[];
}
/** The key `generation`, as written. */
export type GenerationInput = {
  -readonly [K in keyof GenerationConfig]?: GenerationConfig[K];
};

/** The key `samples`, resolved: prompts answered for people to look at. */
export interface SamplesConfig {
  /** Prompts that the model answers. */
  readonly prompts: readonly string[];
  /** When it answers them. */
  readonly at: readonly ("start" | "eval" | "end")[];
}
/** The key `samples`, as written. */
export type SamplesInput = {
  -readonly [K in keyof SamplesConfig]?: SamplesConfig[K];
};

/** A plugin, as a run that holds its defaults names it. */
export interface PluginEntry {
  /** The absolute path, or the `npm:`, `jsr:` or `https:` specifier. */
  readonly use: string;
  /** Version of the package, else the one that the plugin says; null: it has none. */
  readonly version: string | null;
  /** Hash of its modules; null: they could not be read. */
  readonly hash: string | null;
  /** Whether its parts run in a process of their own, without permissions; absent: no. */
  readonly isolated?: boolean;
  /** How long a call of an isolated plugin may take, seconds; absent: 10. */
  readonly time_limit?: number;
  /** Most memory of an isolated plugin's process, such as 512MB, which it is where absent. */
  readonly memory_limit?: string;
  /** Permissions that an isolated plugin asks for and is granted, such as `read:/data`; absent: none. */
  readonly permissions?: readonly string[];
}

/** A plugin as people name it where it must be a certain one. */
export type PluginInput = Pick<PluginEntry, "use"> & Partial<PluginEntry>;

/**
 * What becomes of plugins that are not trusted: `ask` asks the user, and refuses them where nobody can be asked;
 * `isolate` runs those that can be isolated in a process without permissions.
 */
export type UntrustedPlugins = "ask" | "isolate";

/** A run file as people write it, in YAML or in TypeScript. */
export interface RunInput {
  /** Where everything is written. */
  output_dir?: string | null;
  /** Run files merged first. */
  extends?: string | readonly string[] | null;
  /** Key of everything random. */
  seed?: number;
  /** Modules that bring parts; with the version and the hash that one must have. */
  plugins?: readonly (string | PluginInput)[];
  /** What becomes of plugins that are not trusted. */
  untrusted_plugins?: UntrustedPlugins;
  /** What computes. */
  backend?: Choice;
  /** Memory that the run may take: `8GB`; null: what the device has. */
  memory_limit?: string | null;
  /** Whether a run that is too large is changed until it fits, or refused. */
  memory?: MemoryMode;
  /** Only changes defaults. */
  training_mode?: TrainingMode;
  /** The model to train. */
  model: ModelInput;
  /** Text to ids. */
  tokenizer?: Choice;
  /** What is trained instead of all weights; null: all weights. */
  adapter?: Choice | null;
  /** What is trained and evaluated on. */
  data: DataInput;
  /** What is learned. */
  objective?: Choice;
  /** How weights are updated. */
  optimizer?: Choice;
  /** The learning rate over time. */
  schedule?: Choice;
  /** How long, how much at once, what is said and saved. */
  training?: TrainingInput;
  /** How processes train together; null: one process. */
  parallel?: Choice | null;
  /** What is asked of the model at each evaluation. */
  evaluators?: readonly Choice[];
  /** How samples are drawn. */
  generation?: GenerationInput;
  /** Answers to look at. */
  samples?: SamplesInput;
  /** Trackers: they receive the events of the run. */
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
  /** Key of everything random. */
  readonly seed: number;
  /** Those that the run names, and those of the command line that bring more than commands. */
  readonly plugins: readonly PluginEntry[];
  /** What becomes of plugins that are not trusted. */
  readonly untrusted_plugins: UntrustedPlugins;
  /** What computes. */
  readonly backend: Choice;
  /** Memory that the run may take: `8GB`; null: what the device has. */
  readonly memory_limit: string | null;
  /** Whether a run that is too large is changed until it fits, or refused. */
  readonly memory: MemoryMode;
  /** Only changes defaults. */
  readonly training_mode: TrainingMode;
  /** The model to train. */
  readonly model: ModelConfig;
  /** Text to ids. */
  readonly tokenizer: Choice;
  /** What is trained instead of all weights; null: all weights. */
  readonly adapter: Choice | null;
  /** What is trained and evaluated on. */
  readonly data: DataConfig;
  /** What is learned. */
  readonly objective: Choice;
  /** How weights are updated. */
  readonly optimizer: Choice;
  /** The learning rate over time. */
  readonly schedule: Choice;
  /** How long, how much at once, what is said and saved. */
  readonly training: TrainingConfig;
  /** How processes train together; null: one process. */
  readonly parallel: Choice | null;
  /** What is asked of the model at each evaluation. */
  readonly evaluators: readonly Choice[];
  /** How samples are drawn. */
  readonly generation: GenerationConfig;
  /** Answers to look at. */
  readonly samples: SamplesConfig;
  /** Trackers: they receive the events of the run. */
  readonly trackers: readonly Choice[];
}

/** A run written in TypeScript, checked by the compiler; the same object. */
export function defineRun(run: RunInput): RunInput {
  return run;
}
