/**
 * The schemas of the keys `training`, `generation` and `samples`.
 * @module
 */
import { z } from "zod";
import type { Precision } from "../../contracts/backend.ts";
import type {
  Every,
  GenerationConfig,
  GenerationInput,
  SamplesConfig,
  SamplesInput,
  TrainingConfig,
  TrainingInput,
} from "../types.ts";

const PRECISIONS: readonly Precision[] = ["float32", "bfloat16", "float16"];

/** The schema of `training`. */
export function trainingSchema(): z.ZodType<TrainingConfig, TrainingInput> {
  return z.strictObject({
    epochs: z.int().min(1).default(3).describe("Passes over the data."),
    max_steps: z.int().min(1).nullable().default(null).describe(
      "Ends the run earlier: optimizer steps.",
    ),
    batch_size: z.int().min(1).default(4).describe(
      "Examples (packs, if packed) in one micro-batch.",
    ),
    gradient_accumulation_steps: z.int().min(1).default(1).describe(
      "Micro-batches in one optimizer step.",
    ),
    max_grad_norm: z.number().positive().nullable().default(1).describe(
      "Global gradient norm above which gradients are scaled down.",
    ),
    max_skipped_updates: z.int().min(1).nullable().default(20).describe(
      "Updates in a row that may be left out because a gradient is not finite (float16 leaves some out until its loss scale fits), before the run stops; null: any.",
    ),
    precision: z.enum(PRECISIONS).default("float32").describe(
      "Matrix products of training and evaluation: their factors are rounded to this, sums, weights, gradients and the optimizer stay in float32. bfloat16: on `webgpu`, and on `cpu` with oneDNN, on a processor with AVX-512 BF16 or AMX. float16: on `webgpu`, with a loss scale that adapts.",
    ),
    gradient_checkpointing: z.boolean().default(false).describe(
      "Compute activations again instead of keeping them: less memory, more time.",
    ),
    logging_steps: z.int().min(1).default(10).describe(
      "Steps between two log lines.",
    ),
    eval_steps: every().default("epoch").describe(
      "Steps between two evaluations, `epoch`, or null.",
    ),
    eval_on_start: z.boolean().default(false).describe(
      "Evaluate before the first step.",
    ),
    save_steps: every().default("epoch").describe(
      "Steps between two checkpoints, `epoch`, or null.",
    ),
    save_total_limit: z.int().min(1).nullable().default(2).describe(
      "Checkpoints that are kept, the newest and the best always among them; null: all.",
    ),
    load_best_model_at_end: z.boolean().default(false).describe(
      "End with the weights of the best evaluation instead of the last ones. Each new best is saved as a checkpoint.",
    ),
    metric_for_best_model: z.string().min(1).default("eval_loss").describe(
      "The number of an evaluation that says which is best, with or without `eval_`: `eval_loss`, `eval_exact_match`, ...",
    ),
    greater_is_better: z.boolean().nullable().default(null).describe(
      "Whether a larger number is better; null: unless its name ends in `loss` or `perplexity`.",
    ),
    early_stopping_patience: z.int().min(1).nullable().default(null).describe(
      "Evaluations in a row without a gain after which training stops; null: never.",
    ),
    early_stopping_threshold: z.number().min(0).default(0).describe(
      "What a gain must be more than, to count for `early_stopping_patience`.",
    ),
    resume: z.string().min(1).default("auto").describe(
      "`auto`: resume an unfinished run; `never`; or a checkpoint's path.",
    ),
  }).describe(
    "How long, how much at once, and what is said and saved on the way.",
  );
}

function every(): z.ZodType<Every, Every> {
  return z.union([z.int().min(1), z.literal("epoch"), z.null()]);
}

/** The schema of `generation`. */
export function generationSchema(): z.ZodType<
  GenerationConfig,
  GenerationInput
> {
  return z.strictObject({
    max_new_tokens: z.int().min(1).default(100).describe(
      "Tokens written at most.",
    ),
    temperature: z.number().min(0).default(0.7).describe(
      "0 = always the likeliest token.",
    ),
    top_p: z.number().gt(0).max(1).default(1).describe(
      "Draw from the likeliest tokens that together have this probability.",
    ),
    stop: z.array(z.string().min(1)).default([]).describe(
      "Texts that end an answer, besides the template's own.",
    ),
  }).describe("How samples are drawn.");
}

/** The schema of `samples`. */
export function samplesSchema(): z.ZodType<SamplesConfig, SamplesInput> {
  return z.strictObject({
    prompts: z.array(z.string()).default([]).describe(
      "Prompts that the model answers for people to look at.",
    ),
    at: z.array(z.enum(["start", "eval", "end"])).default(["start", "end"])
      .describe(
        "When it answers them: before the first step, at each evaluation, with the model that is saved.",
      ),
  }).describe("Answers to look at, before and after.");
}
