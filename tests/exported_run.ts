/**
 * A trained run to export, whose tokenizer has merge rules and whose template has lines; and what every layout must
 * refuse of it.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { byte } from "../plugins/tokenizers/mod.ts";
import { makePart } from "@denotune/denotune/testing";
import { run } from "./core/cli/_run.ts";
import { runConfig, type TestFolder, TINY_LLAMA } from "./run_harness.ts";
import type { RunInput } from "../core/config/types.ts";

/** Merge rules, in order: each makes a token. */
const MERGES = ["t h", "th e", "a b", "ab c", "Ġ the", "x y", "xy z"];

/** Tokens of the vocabulary. */
export const VOCABULARY = 259 + MERGES.length;

/** Writes the tokenizer: bytes, and a few merge rules. */
export async function writeTokenizer(folder: string): Promise<void> {
  const bytes = await makePart({ parts: [byte] }, "tokenizer");
  const files = bytes.files({ chatTemplate: null });
  const parsed: {
    model: { vocab: Record<string, number>; merges: string[] };
  } = JSON.parse(files["tokenizer.json"]);
  parsed.model.merges = MERGES;
  MERGES.forEach((rule, i) => {
    parsed.model.vocab[rule.replace(" ", "")] = 259 + i;
  });
  Deno.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    Deno.writeTextFileSync(join(folder, name), content);
  }
  Deno.writeTextFileSync(
    join(folder, "tokenizer.json"),
    JSON.stringify(parsed, null, 1),
  );
}

/** Trains a small model, or an adapter on one, and gives the folder of the run. */
export async function exportableRun(
  folder: TestFolder,
  { config = {}, name = "run", ...more }: Partial<RunInput> & {
    /** Settings of the model, over those of a small Llama. */
    readonly config?: Readonly<Record<string, unknown>>;
    /** Name of the run's folder. */
    readonly name?: string;
  } = {},
): Promise<string> {
  await writeTokenizer(folder.at("tokenizer"));
  const rows = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({
      instruction: `say the ${"abcdefghijkl".slice(i)}`,
      output: "xyz the abc ".repeat(1 + i % 3),
    }));
  Deno.writeTextFileSync(folder.at("rows.jsonl"), rows.join("\n"));
  await runConfig({
    output_dir: folder.at(name),
    trackers: ["jsonl"],
    seed: 7,
    backend: "reference",
    model: {
      from_config: { ...TINY_LLAMA, vocab_size: VOCABULARY, ...config },
    },
    tokenizer: { use: "huggingface", path: folder.at("tokenizer") },
    optimizer: { use: "adamw", learning_rate: 0.02 },
    schedule: "constant",
    data: {
      train: [{ path: folder.at("rows.jsonl"), format: "alpaca" }],
      max_length: 96,
    },
    training: {
      epochs: 2,
      batch_size: 4,
      logging_steps: 1,
      eval_steps: null,
      save_steps: null,
    },
    ...more,
  });
  return folder.at(name);
}

/** Something that is spoilt in an exported folder, and what must be said of it. */
export interface Sabotage {
  readonly what: string;
  spoil(folder: string): void | Promise<void>;
  readonly culprit: RegExp;
}

/**
 * Exports a run by the command line; checks the files again; and once more for each sabotage, on a copy: exit code 1,
 * and the culprit is named.
 */
export async function checkSabotages(
  trained: string,
  { words, sabotages, folder }: {
    /** `--to gguf -q q8_0` */
    readonly words: readonly string[];
    readonly sabotages: readonly Sabotage[];
    readonly folder: TestFolder;
  },
): Promise<void> {
  const backend = ["--backend", "reference"];
  const whole = folder.at("exported");
  const exported = await run(
    ...["export", trained, ...words, "-o", whole, ...backend],
  );
  assert.equal(exported.code, 0, exported.err);
  const check = async (path: string) =>
    await run("export", trained, ...words, "--check", path, ...backend);
  const { code, err } = await check(whole);
  assert.equal(code, 0, err);
  for (const { what, spoil, culprit } of sabotages) {
    const copy = folder.at("spoilt");
    copyFolder(whole, copy);
    await spoil(copy);
    const { code, err, out } = await check(copy);
    assert.equal(code, 1, `${what}: ${err}`);
    assert.match(err, culprit, what);
    assert.doesNotMatch(out, /^checked/m, what);
    Deno.removeSync(copy, { recursive: true });
  }
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** Changes a JSON file. */
export function editJson(
  path: string,
  // deno-lint-ignore no-explicit-any -- whatever the file holds
  edit: (value: any) => void,
): void {
  const value: unknown = JSON.parse(Deno.readTextFileSync(path));
  edit(value);
  Deno.writeTextFileSync(path, JSON.stringify(value, null, 1));
}
