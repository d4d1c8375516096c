/**
 * What is run wherever denotune comes from: a run file whose sources have maskers of plugins, and the library example.
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { projectFile } from "../_denotune.ts";
import { type Jsr, startJsr } from "./_jsr.ts";
import { jsrPluginFiles } from "./_plugins.ts";
import { type Stranger, stranger } from "./_stranger.ts";

/** The version of denotune. */
export const { version: VERSION }: { version: string } = JSON.parse(
  Deno.readTextFileSync(projectFile("deno.json")),
);

/** The modules of the library example, which import denotune by its name. */
export const LIBRARY_FILES: Readonly<Record<string, string>> = Object
  .fromEntries(
    ["main.ts", "tiny_llama.ts"].map((name) => [
      name,
      Deno.readTextFileSync(projectFile(`examples/library/${name}`)),
    ]),
  );

/**
 * A run file: two workers and the main thread prepare the rows, two threads multiply. `plugins`: maskers by name, and where each comes
 * from; every one has the rows of `rows.jsonl` once.
 */
export function runFile(plugins: Readonly<Record<string, string>>): string {
  const maskers = Object.keys(plugins);
  const entries = maskers.length === 0
    ? ["{ path: rows.jsonl, format: alpaca }"]
    : maskers.map((name) =>
      `{ path: rows.jsonl, format: alpaca, masker: ${name} }`
    );
  return `output_dir: outputs/run
plugins: ${JSON.stringify(Object.values(plugins))}
backend: { use: cpu, workers: 2 }
model:
  from_config: { model_type: llama, vocab_size: 259, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1,
    num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 64 }
tokenizer: byte
data:
  train: [${entries.join(", ")}]
  template: { use: plain, separator: "\\n" }
  max_length: 64
  workers: 3
training: { max_steps: 3, batch_size: 4 }
`;
}

/** A registry as JSR's that has denotune and a plugin. */
export async function jsrWithPlugin(): Promise<Jsr> {
  const jsr = startJsr();
  await jsr.publish(dirname(projectFile("deno.json")));
  using author = await stranger();
  author.write(jsrPluginFiles(VERSION));
  await jsr.publish(author.path);
  return jsr;
}

/**
 * Trains `run.yaml`, with 240 rows, by `deno run -A WORDS`: on the processor, then offline and on WebGPU, with
 * plugins that are trusted by then.
 */
export async function trains(
  me: Stranger,
  ...words: readonly string[]
): Promise<void> {
  const main = words.at(-1) ?? "";
  const train = [...words, "train", "run.yaml"];
  const cpu = await me.deno("run", "-A", ...train, "--trust");
  assert.equal(cpu.code, 0, `${main}\n${cpu.out}${cpu.err}`);
  assert.match(cpu.out, /data +240 rows -> /);
  assert.ok(cpu.out.includes(`deno run -A ${main} generate`), cpu.out);
  const webgpu = ["--cached-only", ...train, "backend=webgpu"];
  const offline = await me.deno("run", "-A", ...webgpu, "training.max_steps=1");
  assert.equal(offline.code, 0, `${main}\n${offline.out}${offline.err}`);
}
