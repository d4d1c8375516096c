/**
 * Runs the command line in this process, its output captured.
 * @module
 */
import { captured, type CommandRun } from "../../conformance/command.ts";
import { program } from "../../program.ts";

/** Runs a command line. Paths must be absolute: the working directory belongs to all tests. */
export async function run(...args: string[]): Promise<CommandRun> {
  return await captured(args, program);
}

/** A folder with files in it, taken away at the end. */
export interface Folder extends Disposable {
  readonly path: string;
  /** Absolute path of a file of the folder. */
  at(name: string): string;
}

/** Makes a folder with these files (relative path -> content). */
export function folderOf(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Folder {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  const at = (name: string) => `${path}/${name}`;
  for (const [name, content] of Object.entries(files)) {
    Deno.mkdirSync(at(name).replace(/\/[^/]*$/, ""), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(at(name), content);
    else Deno.writeFileSync(at(name), content);
  }
  return {
    path,
    at,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** Rows in Alpaca format, as JSON Lines. */
export function alpacaRows(count: number): string {
  return Array.from(
    { length: count },
    (_, i) => JSON.stringify({ instruction: `Say ${i}`, output: `${i}.` }),
  ).join("\n");
}

/** A run file in YAML: a tiny model from random weights on the byte tokenizer. */
export function tinyRun(folder: string, more = ""): string {
  return `output_dir: ${folder}/outputs/run
backend: reference
model:
  from_config: { model_type: llama, vocab_size: 259, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1,
    num_attention_heads: 2, num_key_value_heads: 1, hidden_act: silu, max_position_embeddings: 64,
    rms_norm_eps: 1.0e-5, tie_word_embeddings: true, bos_token_id: 256, eos_token_id: 257 }
tokenizer: byte
data:
  train: [{ path: rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  max_length: 64
training: { epochs: 1, batch_size: 4, logging_steps: 1, save_steps: null }
trackers: [jsonl]
${more}`;
}
