/**
 * Options of LoRA and DoRA, under PEFT's names.
 * @module
 */
import { z } from "zod";

/** How `lora_A` and `lora_B` start. */
export type LoraInit = "default" | "gaussian" | "pissa";

/** Options of {@linkcode dora}. */
export interface DoraOptions {
  /** Rank of the update. */
  readonly r: number;
  /** The update is scaled by `lora_alpha / r`. */
  readonly lora_alpha: number;
  /** Share of the inputs of the update that are dropped in training. */
  readonly lora_dropout: number;
  /** Layers that are adapted: `all-linear`, `default`, a list of names or of their ends, or a regular expression. */
  readonly target_modules: string | readonly string[];
  /** Layers that are not, in the same way; null: none. */
  readonly exclude_modules: string | readonly string[] | null;
  /** Only blocks of these numbers; null: all. */
  readonly layers_to_transform: number | readonly number[] | null;
  /** Name of the list of blocks, where there are several. */
  readonly layers_pattern: string | readonly string[] | null;
  /** Other ranks, by a regular expression for the end of a layer's name. */
  readonly rank_pattern: Readonly<Record<string, number>>;
  /** Other values of `lora_alpha`, in the same way. */
  readonly alpha_pattern: Readonly<Record<string, number>>;
  /** Layers that are trained whole and saved beside the adapter. */
  readonly modules_to_save: readonly string[];
  /** Whether an embedding of `modules_to_save` that is the head too stays the head while it is trained. */
  readonly ensure_weight_tying: boolean;
  /** Biases of the model that are trained too. */
  readonly bias: "none" | "all" | "lora_only";
  /** Scale by `lora_alpha / sqrt(r)` instead (arXiv:2312.03732). */
  readonly use_rslora: boolean;
  /** How the update starts. */
  readonly init_lora_weights: LoraInit;
  /** B learns this many times faster than A (arXiv:2402.12354); null: as fast. */
  readonly loraplus_lr_ratio: number | null;
  /** Folder of an adapter to continue from; null: a new one. */
  readonly from: string | null;
}

/** Options of {@linkcode lora}. */
export interface LoraOptions extends DoraOptions {
  /** Train the magnitude of each output apart from its direction (arXiv:2402.09353). */
  readonly use_dora: boolean;
}

const names = z.array(z.string()).readonly();

const shared = {
  r: z.int().min(1).default(16).describe("Rank of the update"),
  lora_alpha: z.number().positive().default(32).describe(
    "The update is scaled by lora_alpha / r",
  ),
  lora_dropout: z.number().min(0).lt(1).default(0).describe(
    "Share of the inputs of the update that are dropped in training",
  ),
  target_modules: z.union([z.string(), names]).default("all-linear").describe(
    "Layers that are adapted: all-linear (all but the head), default (those that PEFT adapts of this type of model, all-linear where it names none), a list of names or of their ends, or a regular expression for the whole name",
  ),
  exclude_modules: z.union([z.string(), names]).nullable().default(null)
    .describe("Layers that are not, in the same way; null: none"),
  layers_to_transform: z.union([z.int().min(0), z.array(z.int().min(0))])
    .nullable().default(null).describe(
      "Only blocks of these numbers, where target_modules is a list; null: all",
    ),
  layers_pattern: z.union([z.string(), names]).nullable().default(null)
    .describe(
      "Name of the list of blocks, where layers_to_transform could mean several",
    ),
  rank_pattern: z.record(z.string(), z.int().min(1)).default({}).describe(
    "Other ranks, by a regular expression for the end of a layer's name; the first that fits counts",
  ),
  alpha_pattern: z.record(z.string(), z.number().positive()).default({})
    .describe("Other values of lora_alpha, in the same way"),
  modules_to_save: names.default([]).describe(
    "Layers that are trained whole and saved beside the adapter, by name or its end: lm_head, embed_tokens, norm",
  ),
  ensure_weight_tying: z.boolean().default(true).describe(
    "Whether an embedding in modules_to_save that is the model's head too (tie_word_embeddings) is trained in both uses; false, PEFT's default: each use is trained apart, and only if it is listed (embed_tokens, lm_head)",
  ),
  bias: z.enum(["none", "all", "lora_only"]).default("none").describe(
    "Biases of the model that are trained too: none, all, or those of adapted layers",
  ),
  use_rslora: z.boolean().default(false).describe(
    "Scale by lora_alpha / sqrt(r) instead (arXiv:2312.03732)",
  ),
  init_lora_weights: z.enum(["default", "gaussian", "pissa"]).default("default")
    .describe(
      "How the update starts: default (A uniform, B zero), gaussian (A normal with deviation 1 / r, B zero), pissa (the largest singular vectors of the weight, which keeps the rest; arXiv:2404.02948)",
    ),
  loraplus_lr_ratio: z.number().positive().nullable().default(null).describe(
    "LoRA+ (arXiv:2402.12354): B, and what has one dimension, learns this many times faster than A; null: as fast",
  ),
  from: z.string().min(1).meta({ format: "path" }).nullable().default(null)
    .describe(
      "Folder of an adapter to continue from (PEFT's layout, a run or a checkpoint); its settings are taken, those given here must agree, lora_dropout and loraplus_lr_ratio aside",
    ),
};

const lora = {
  ...shared,
  use_dora: z.boolean().default(false).describe(
    "Train the magnitude of each output apart from its direction (arXiv:2402.09353)",
  ),
};

/** Schema of {@linkcode DoraOptions}. */
export const doraOptions: z.ZodType<DoraOptions, Partial<DoraOptions>> = z
  .strictObject(shared);

/** Schema of {@linkcode LoraOptions}. */
export const loraOptions: z.ZodType<LoraOptions, Partial<LoraOptions>> = z
  .strictObject(lora);

/** Schema of settings that were saved: PEFT trains with any scale, 0 included. */
export const savedOptions: z.ZodType<LoraOptions, Partial<LoraOptions>> = z
  .strictObject({
    ...lora,
    lora_alpha: z.number(),
    alpha_pattern: z.record(z.string(), z.number()).default({}),
  });
