/**
 * Run folders whose files were edited or damaged, and what reads them: a run that resumes, a question to its model,
 * a merge. Half of the mutants have hashes that fit again, as an edited checkpoint has.
 * @module
 */
import { dirname } from "node:path";
import { parse, stringify } from "yaml";
import {
  CHECKSUMS,
  writeChecksums,
} from "../../../core/run/saving/checksums.ts";
import {
  mutateBytes,
  mutateJson,
  mutateJsonFile,
  type Random,
} from "../_mutate.ts";
import { command, type FuzzTarget } from "../_target.ts";

const ROOT = Deno.makeTempDirSync({ prefix: "denotune-fuzz-" });
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(ROOT, { recursive: true }),
);

const run = (kind: Kind) => `
output_dir: ${ROOT}/now/outputs
backend: reference
model:
  from_config: { model_type: llama, vocab_size: 259, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1,
    num_attention_heads: 1, num_key_value_heads: 1, max_position_embeddings: 64, rms_norm_eps: 1.0e-5,
    bos_token_id: 256, eos_token_id: 257 }
tokenizer: byte
data:
  train: [{ path: ${ROOT}/rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  max_length: 32
  cache: false
  streaming: ${kind === "streamed"}
${kind === "ema" ? "optimizer: { use: ema, of: adamw }\n" : ""}
training: { epochs: 100, max_steps: 3, batch_size: 2, logging_steps: 1, save_steps: 1, save_total_limit: 2 }
trackers: [jsonl]
`;

const KINDS = ["indexed", "streamed", "ema"] as const;
type Kind = typeof KINDS[number];

/** A finished run of each kind: its files, by path within the folder. */
const RUNS = new Map<Kind, Map<string, Uint8Array>>();
Deno.writeTextFileSync(
  `${ROOT}/rows.jsonl`,
  Array.from(
    { length: 20 },
    (_, i) =>
      JSON.stringify({ instruction: `Say ${i}`, output: `${i}.` }) + "\n",
  ).join(""),
);
for (const kind of KINDS) {
  Deno.mkdirSync(`${ROOT}/now`);
  Deno.writeTextFileSync(`${ROOT}/now/run.yaml`, run(kind));
  const ended = await command("train", `${ROOT}/now/run.yaml`);
  if (ended.code !== 0) throw new Error(ended.text);
  RUNS.set(kind, filesBelow(`${ROOT}/now/outputs`));
  Deno.removeSync(`${ROOT}/now`, { recursive: true });
}

function filesBelow(folder: string, within = ""): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const inner = within === "" ? name : `${within}/${name}`;
    if (isDirectory) {
      for (const [path, bytes] of filesBelow(`${folder}/${name}`, inner)) {
        found.set(path, bytes);
      }
    } else found.set(inner, Deno.readFileSync(`${folder}/${name}`));
  }
  return found;
}

function mutant(name: string, bytes: Uint8Array, random: Random): Uint8Array {
  const text = () => new TextDecoder().decode(bytes);
  if (name.endsWith(".json")) return mutateJsonFile(text(), random);
  if (name.endsWith(".yaml") && random.once(2)) {
    try {
      return new TextEncoder().encode(
        stringify(mutateJson(parse(text()), random)),
      );
    } catch {
      return mutateBytes(bytes, random); // nested too deep to be written
    }
  }
  if (!name.endsWith(".safetensors") || random.once(2)) {
    return mutateBytes(bytes, random);
  }
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = mutateJsonFile(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
    random,
  );
  const file = new Uint8Array(header.length + bytes.length - length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(bytes.subarray(8 + length), 8 + header.length);
  return file;
}

/** Writes the folder with one file of it changed, and resumes, asks or merges. */
export const target: FuzzTarget = {
  async attempt(random) {
    const kind = random.pick(KINDS);
    // without its summary, a run is one that was interrupted
    const isDone = random.once(3);
    const files = [...RUNS.get(kind) ?? []].filter(([path]) =>
      isDone || path !== "summary.json"
    );
    const newest = files.filter(([path]) => path.startsWith("checkpoint-2/"));
    const [chosen] = random.pick(random.once(3) ? files : newest);
    const now = `${ROOT}/now`;
    await Deno.remove(now, { recursive: true }).catch(() => {});
    for (const [path, bytes] of files) {
      const at = `${now}/outputs/${path}`;
      await Deno.mkdir(dirname(at), { recursive: true });
      if (path !== chosen) await Deno.writeFile(at, bytes);
      else if (!random.once(20)) {
        await Deno.writeFile(at, mutant(path, bytes, random));
      }
    }
    const folder = `${now}/outputs/checkpoint-2`;
    if (!chosen.endsWith(CHECKSUMS) && random.once(2)) {
      await Deno.remove(`${folder}/${CHECKSUMS}`);
      writeChecksums(folder);
    }
    await Deno.writeTextFile(`${now}/run.yaml`, run(kind));
    switch (random.below(4)) {
      case 0:
        return await command(
          "generate",
          random.pick([folder, `${now}/outputs`]),
          "--prompt=Say 3",
          "--max-new-tokens=2",
          "--backend=reference",
        );
      case 1:
        // the folder's own settings are read as a run file
        return await command("check", `${now}/outputs/config.resolved.yaml`);
      default:
        return await command("train", `${now}/run.yaml`);
    }
  },
};
