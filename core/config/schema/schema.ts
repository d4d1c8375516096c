/**
 * The schema of the run file: strict, a default and a description on every key. The registry knows which part is valid
 * where, and its options; see `choices.ts`.
 * @module
 */
import { z } from "zod";
import { parseBytes } from "../parse/bytes.ts";
import { permissionFault } from "../isolated/permissions.ts";
import { dataSchema } from "./data_schema.ts";
import { modelSchema } from "./model_schema.ts";
import { optionalPartField, partField } from "./part_field.ts";
import {
  generationSchema,
  samplesSchema,
  trainingSchema,
} from "./training_schema.ts";
import type {
  PluginEntry,
  PluginInput,
  RunConfig,
  RunInput,
  TrainingMode,
} from "../types.ts";

/** A run whose `output_dir` is not known yet. */
export type ParsedRun = Omit<RunConfig, "output_dir"> & {
  readonly output_dir: string | null;
};

/** The schema of the run file in that training mode. */
export function runSchema(mode: TrainingMode): z.ZodType<ParsedRun, RunInput> {
  return z.strictObject({
    output_dir: z.string().min(1).nullable().default(null).describe(
      "Where everything is written, relative to the working directory; default: outputs/<the run file's name>.",
    ),
    extends: z.union([z.string().min(1), z.array(z.string().min(1)), z.null()])
      .default(null).describe(
        "Run file, or several, merged first: maps merge, lists and other parts replace.",
      ),
    seed: z.int().min(0).max(0xffffffff).default(42).describe(
      "Key of everything random.",
    ),
    plugins: z.array(pluginSchema()).prefault([])
      .describe(
        "Modules that bring parts: `./file.ts`, `npm:`, `jsr:`, `https:`.",
      ),
    untrusted_plugins: z.enum(["ask", "isolate"]).default("ask").describe(
      "What becomes of plugins that are not trusted. `ask`: the user is asked; they are refused where nobody can be. `isolate`: they run in a process without permissions, where their kinds allow it.",
    ),
    backend: partField("backend", { auto: true }).default("auto").describe(
      "What computes. `auto`: a hardware GPU, else the processor.",
    ),
    memory_limit: z.string().refine((text) => parseBytes(text) !== null, {
      error: "expected a size such as 8GB or 500MB",
    }).nullable().default(null).describe(
      "Memory that the run may take, such as 8GB: a larger one is refused before it starts; null: what the device has.",
    ),
    memory: z.enum(["as-written", "auto"]).default("as-written").describe(
      "`auto`: a run that is too large gets smaller micro-batches (and more of them in a step), activations computed again, or frozen weights in fewer bits, the mildest of these that fits; it says what it chose. `as-written`: it is refused, with what would fit.",
    ),
    training_mode: z.enum(["sft", "pretrain"]).default("sft").describe(
      "Only changes defaults.",
    ),
    model: modelSchema(),
    tokenizer: partField("tokenizer").default("huggingface").describe(
      "Text to ids; by default the tokenizer.json that came with the model.",
    ),
    adapter: optionalPartField("adapter").default(null).describe(
      "What is trained instead of all weights; null: all weights.",
    ),
    data: dataSchema(mode),
    objective: partField("objective").default("causal-lm").describe(
      "What is learned.",
    ),
    optimizer: partField("optimizer").default("adamw").describe(
      "How weights are updated.",
    ),
    schedule: partField("schedule").default({
      use: "cosine",
      warmup_ratio: 0.03,
    }).describe("The learning rate over time."),
    training: trainingSchema().prefault({}),
    parallel: optionalPartField("collective").default(null).describe(
      "How processes train together; null: as mpirun or srun has started them, else one process.",
    ),
    evaluators: z.array(partField("evaluator")).default([]).describe(
      "What is asked of the model at each evaluation.",
    ),
    generation: generationSchema().prefault({}),
    samples: samplesSchema().prefault({}),
    trackers: z.array(partField("tracker")).default(["console", "jsonl"])
      .describe("Parts that record what happens: console, jsonl, ..."),
  });
}

/** A module, or one that must be of a version and have a hash. */
function pluginSchema(): z.ZodType<PluginEntry, string | PluginInput> {
  return z.union([
    z.string().min(1).transform((use) => ({ use, version: null, hash: null })),
    z.strictObject({
      use: z.string().min(1).describe("The module."),
      version: z.string().nullable().default(null).describe(
        "The version that it must be of; null: any.",
      ),
      hash: z.string().nullable().default(null).describe(
        "The hash that its modules must have, as `plugins` shows it; null: any.",
      ),
      isolated: z.boolean().optional().describe(
        "Whether its parts run in a process of their own, without permissions: sources, formats, templates, maskers and evaluators; default: false.",
      ),
      time_limit: z.number().positive().optional().describe(
        "Seconds that a call of an isolated plugin may take; default: 10.",
      ),
      memory_limit: z.string().refine((text) => parseBytes(text) !== null, {
        error: "expected a size such as 512MB",
      }).optional().describe(
        "Memory that the process of an isolated plugin may take; default: 512MB.",
      ),
      permissions: z.array(
        z.string().superRefine((text, context) => {
          const message = permissionFault(text);
          if (message !== null) context.addIssue({ code: "custom", message });
        }),
      ).optional().describe(
        "What an isolated plugin asks for and is granted: `read:/data`, `net:example.com`, `env:NAME`; default: nothing.",
      ),
    }),
  ]);
}

/** The keys of the run file as JSON Schema (draft 2020-12), parts not filled in. */
export function bareJsonSchema(mode: TrainingMode): Record<string, unknown> {
  return {
    ...z.toJSONSchema(runSchema(mode), {
      io: "input",
      target: "draft-2020-12",
      unrepresentable: "any",
    }),
  };
}
