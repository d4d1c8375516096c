/**
 * Stand-ins for the built-in parts: the names and options that run files are tried with.
 * @module
 */
import { z } from "zod";
import {
  type AnyPart,
  definePart,
  type Kind,
} from "../../../core/contracts/plugin.ts";
import { Registry } from "../../../core/contracts/registry.ts";

/** A part that is the options it was created with. */
function stub(
  kind: Kind,
  name: string,
  options: AnyPart["options"] = z.strictObject({}),
): AnyPart {
  const create = (given: unknown): never => ({ name, given }) as never;
  const made = kind === "template"
    ? (given: unknown) => (() => create(given)) as never
    : create;
  return {
    kind,
    name,
    description: `Stand-in for ${name}.`,
    options,
    create: made,
  };
}

const adamw = definePart({
  kind: "optimizer",
  name: "adamw",
  description: "Adam with decoupled weight decay.",
  options: z.strictObject({
    learning_rate: z.number().positive().default(5e-5).describe("Step size."),
    betas: z.tuple([z.number(), z.number()]).default([0.9, 0.999]).describe(
      "Decay of the moments.",
    ),
    eps: z.number().positive().default(1e-8).describe(
      "Added to the denominator.",
    ),
    weight_decay: z.number().min(0).default(0).describe("Decoupled decay."),
  }),
  create: (options) => ({
    learningRate: options.learning_rate,
    weightDecay: options.weight_decay,
    decays: () => true,
    slots: [],
    scalarNames: [],
    scalars: () => ({}),
    update: ({ parameter }) => ({ parameter, slots: {} }),
  }),
});

/** The parts that run files in these tests choose among. */
export const PARTS: readonly AnyPart[] = [
  adamw as AnyPart,
  stub(
    "optimizer",
    "lion",
    z.strictObject({
      learning_rate: z.number().positive().default(1e-4).describe("Step size."),
    }),
  ),
  stub(
    "schedule",
    "cosine",
    z.strictObject({
      warmup_ratio: z.number().min(0).max(1).default(0).describe(
        "Share of the steps.",
      ),
      warmup_steps: z.int().min(0).nullable().default(null).describe("Steps."),
    }),
  ),
  stub("schedule", "constant"),
  stub(
    "adapter",
    "lora",
    z.strictObject({
      r: z.int().min(1).default(16).describe("Rank."),
      lora_alpha: z.number().default(32).describe("Scale."),
      lora_dropout: z.number().min(0).lt(1).default(0).describe("Dropout."),
      target_modules: z.union([z.string(), z.array(z.string())]).default(
        "all-linear",
      ).describe("Sites."),
    }),
  ),
  ...["alpaca", "auto", "messages", "text"].map((name) =>
    stub(
      "format",
      name,
      z.strictObject({
        instruction_field: z.string().default("instruction").describe(
          "Column.",
        ),
      }),
    )
  ),
  ...["alpaca", "chatml", "plain"].map((name) =>
    stub(
      "template",
      name,
      z.strictObject({
        separator: z.string().default("\n\n").describe("Between the two."),
      }),
    )
  ),
  stub(
    "template",
    "jinja",
    z.strictObject({
      path: z.string().meta({ format: "path" }).describe("The file."),
    }),
  ),
  stub("tokenizer", "huggingface"),
  stub("tokenizer", "byte"),
  ...["completion-only", "assistant-only", "last-turn", "all"].map((name) =>
    stub("masker", name)
  ),
  stub(
    "collator",
    "padded",
    z.strictObject({
      multiple_of: z.int().min(1).default(1).describe("Rounds up."),
    }),
  ),
  stub("collator", "packed"),
  stub("objective", "causal-lm"),
  ...["cpu", "webgpu", "reference"].map((name) => stub("backend", name)),
  stub(
    "evaluator",
    "exact-match",
    z.strictObject({
      max_rows: z.int().min(1).nullable().default(null).describe("Rows."),
    }),
  ),
  ...["console", "jsonl"].map((name) => stub("tracker", name)),
];

/** A registry of the stand-ins. */
export function stubRegistry(extra: readonly AnyPart[] = []): Registry {
  const registry = new Registry();
  registry.add(
    { name: "built-in", api: 1, parts: [...PARTS, ...extra] },
    "built-in",
  );
  return registry;
}

/** A folder with files in it, taken away at the end. */
export interface TestFolder extends Disposable {
  readonly path: string;
}

/** Makes a folder with these files (relative path -> text). */
export function testFolder(
  files: Readonly<Record<string, string>>,
): TestFolder {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  for (const [name, text] of Object.entries(files)) {
    const file = `${path}/${name}`;
    Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(file, text);
  }
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** The message that `work` throws, with the folder's path shortened to `DIR`. */
export async function messageOf(
  work: () => Promise<unknown>,
  folder?: TestFolder,
): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return folder === undefined
      ? error.message
      : error.message.replaceAll(folder.path, "DIR");
  }
  throw new Error("Nothing was thrown");
}
