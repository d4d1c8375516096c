/**
 * The run file that `init` writes.
 * @module
 */

import type { KnownModel } from "../_known_models.ts";
import { startSettings } from "./start_settings.ts";

/** What the run file is about. */
export interface RunFileSubject {
  /** Path of the data, relative to the run file. */
  readonly data: string;
  readonly model: string;
  /** What is known of it by its name; null: nothing. */
  readonly known: KnownModel | null;
  readonly format: string;
  readonly reason: string;
  /** Whether the rows are those of text files. */
  readonly isTextFile: boolean;
  readonly rows: number;
  /** Positions of the model; null: not known. */
  readonly positions: number | null;
  readonly plugins: readonly string[];
  /** Name of the run. */
  readonly name: string;
}

/** Rows from which some are held out to see whether the model learns more than the rows. */
const ENOUGH_TO_HOLD_OUT = 200;

/** Tokens of a row, where the model has as many positions. */
const MAX_LENGTH = 1024;

/** The longest row that is written for a model of so many positions. */
export function maxLengthFor(positions: number | null): number {
  return Math.min(MAX_LENGTH, positions ?? Infinity);
}

/** A commented run file in YAML. */
export function runFileText(of: RunFileSubject): string {
  const pretrain = /^text$|use: text\b/.test(of.format);
  const isAtLimit = of.positions !== null && of.positions <= MAX_LENGTH;
  const start = startSettings(of.known?.model.millions ?? null);
  const heldOut = of.rows >= ENOUGH_TO_HOLD_OUT ? 0.05 : 0;
  const lines = [
    `# The run ${of.name}. Every key that is not here has a default; the command \`schema\` lists them all.`,
    "",
    `output_dir: ${
      text(`outputs/${of.name}`)
    } # relative to where the command is run`,
    "seed: 42",
    ...(of.plugins.length === 0
      ? []
      : ["plugins:", ...of.plugins.map((p) => `  - ${text(p)}`)]),
    ...(pretrain
      ? [
        "training_mode: pretrain # plain text: every token is trained, documents are packed",
      ]
      : []),
    "",
    "model:",
    `  path: ${text(of.model)} # a folder, or a Hub id`,
    `  ${
      chosenIf(start.storage === "bfloat16")
    }dtype: bfloat16 # frozen weights in half the memory (with an adapter only)`,
    `  ${
      chosenIf(start.storage === "nf4")
    }quantization: nf4 # or in an eighth: 4 bits; int8: a quarter`,
    "",
    "# A small set of weights beside the frozen model: little memory, a small file.",
    `# \`adapter: null\` trains all weights; then take a learning rate near ${start.fullLearningRate}.`,
    ...targetsNote(of.known),
    "adapter: { use: lora, r: 16, lora_alpha: 32, target_modules: all-linear }",
    "",
    ...of.known?.family.objective === undefined ? [] : [
      `objective: ${of.known.family.objective} # what ${of.known.family.modelType} is made for`,
      "",
    ],
    "data:",
    "  train:",
    `    # ${of.rows} rows; ${of.reason}`,
    ...of.isTextFile
      ? [
        "    # sample_by: what a row is, a line, a paragraph or a document (a file)",
      ]
      : [],
    `    - { path: ${text(of.data)}, format: ${of.format} }`,
    `  eval_fraction: ${heldOut} # share of the rows that is held out and evaluated on`,
    `  max_length: ${maxLengthFor(of.positions)} # tokens${
      isAtLimit ? ", as many as the model has positions" : ""
    }; what happens to longer rows is \`truncation\``,
    ...(pretrain ? [] : [
      ...templateNote(of.known),
      "  # masker: last-turn # train only the last answer of each conversation; default: every answer",
      "  # collator: packed # several short rows in one; faster where lengths differ",
    ]),
    "",
    `optimizer: { use: adamw, learning_rate: ${start.learningRate} }`,
    "schedule: { use: cosine, warmup_ratio: 0.03 }",
    "",
    "training:",
    "  epochs: 3",
    `  batch_size: ${start.batch} # rows at once: lower it where memory is short ...`,
    `  gradient_accumulation_steps: ${start.accumulation} # ... and raise this by as much`,
    `  ${
      chosenIf(start.checkpointing)
    }gradient_checkpointing: true # much less memory, a third more time`,
    "  logging_steps: 10",
    "  eval_steps: epoch",
    "  save_steps: epoch",
    "",
    "# Answers to look at, before and after.",
    "samples:",
    `  prompts: [] # [${
      pretrain ? '"Once upon a time"' : '"What can you do?"'
    }]`,
  ];
  return `${lines.join("\n")}\n`;
}

/** What makes a line of YAML a comment where it is not chosen. */
function chosenIf(chosen: boolean): string {
  return chosen ? "" : "# ";
}

/** Which layers PEFT would adapt, where it would not adapt all of them. */
function targetsNote(known: KnownModel | null): string[] {
  const targets = known?.family.adapterTargets;
  return targets === undefined ? [] : [
    `# \`target_modules: default\` adapts only ${
      targets.join(", ")
    }, as PEFT does for ${known?.family.modelType}.`,
  ];
}

/** How turns will be written, as far as the model is known. */
function templateNote(known: KnownModel | null): string[] {
  if (known === null) return [];
  const { template, stop } = known.model;
  const end = stop.length === 0 ? "" : `; answers end with ${stop.join(", ")}`;
  if (template === null) {
    return [
      `  template: auto # a base model has no turns of its own: the format's are taken${end}`,
    ];
  }
  const like = template === "tokenizer" ? "" : `, as \`${template}\` writes it`;
  return [`  template: auto # the model's own chat template${like}${end}`];
}

/** A text as YAML writes it: bare where it cannot be read as something else. */
export function text(value: string): string {
  return /^[A-Za-z.][\w./-]*$/.test(value) &&
      !/^(true|false|null|yes|no|on|off|\.inf|\.nan)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
