/**
 * Mutated run files, in YAML and JSON, the files that they extend, and overrides of the command line.
 * @module
 */
import { parse, stringify } from "yaml";
import {
  jsonText,
  mutateBytes,
  mutateJson,
  ODD_VALUES,
  type Random,
} from "../_mutate.ts";
import { command, type FuzzTarget } from "../_target.ts";

const encoder = new TextEncoder();

const RUN = `
seed: 7
output_dir: outputs/mutant
backend: reference
training_mode: sft
model:
  from_config: { model_type: llama, vocab_size: 300, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1,
    num_attention_heads: 1, num_key_value_heads: 1, max_position_embeddings: 256, rms_norm_eps: 1.0e-5 }
  dtype: float32
  save_dtype: float32
tokenizer: byte
adapter: { use: lora, r: 2, lora_alpha: 4, lora_dropout: 0.1, target_modules: [q_proj, "v_.*"] }
data:
  train:
    - { path: rows.jsonl, format: { use: alpaca, output_field: output }, weight: 0.5 }
    - { path: "more*.jsonl", format: auto, weight: 0.5, max_rows: 3 }
  eval: [{ path: rows.jsonl }]
  eval_fraction: 0.1
  template: { use: plain, separator: "\\n" }
  masker: completion-only
  max_length: 64
  truncation: drop-oldest-turns
  collator: { use: packed }
  shuffle: true
  boundary_token: mask
  stopping: first_exhausted
  max_untrained_share: 0.5
  allow_unlearned_end: false
  streaming: false
  workers: 1
  on_bad_row: error
objective: causal-lm
optimizer: { use: adamw, learning_rate: 5.0e-5, betas: [0.9, 0.999], eps: 1.0e-8, weight_decay: 0.0 }
schedule: { use: cosine, warmup_ratio: 0.03 }
training: { epochs: 1, max_steps: 3, batch_size: 2, gradient_accumulation_steps: 2, max_grad_norm: 1.0,
  logging_steps: 1, eval_steps: epoch, save_steps: null, save_total_limit: 2, resume: auto }
evaluators: [{ use: exact-match, max_rows: 2 }]
generation: { max_new_tokens: 4, temperature: 0.7, top_p: 0.9, stop: ["\\n"] }
samples: { prompts: ["Hello"], at: [start, end] }
trackers: [console, jsonl]
plugins: []
`;
const TREE: unknown = parse(RUN);
const KEYS = [...RUN.matchAll(/^ *(\w+):/gm)].map(([, key]) => key);

/** What YAML has and JSON has not. */
const PIECES = [
  "\na: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nseed: *e\n",
  "\n<<: *nobody\n",
  "\nmodel: &m { path: *m }\n",
  "\n---\nseed: 1\n",
  "\n%YAML 9.9\n",
  "\n? [a, b]\n: c\n",
  "\nseed: !!js/function 'function () {}'\n",
  "\nseed: !!binary AAAA\n",
  "\nseed: !!set {a}\n",
  "\nseed: 0x7fffffffffffffffff\n",
  "\nseed: .nan\n",
  "\nseed: 1e999\n",
  "\nseed: 2026-01-01T00:00:00Z\n",
  "\n\tseed: 1\n",
  "\nextends: run.yaml\n",
  "\nextends: [base.yaml, base.yaml]\n",
  "\nextends: /dev/null\n",
  "\n'__proto__': { polluted: true }\n",
  "\nconstructor: 1\n",
  `\ndata: ${"[".repeat(3000)}\n`,
  `\ndata: ${"{a: ".repeat(1000)}\n`,
  "\nseed: |\n  text\n # odd\n",
  "\u0085\u2028\ufeff",
  "\nmodel: ~\n",
  "\nseed: 7\nseed: 8\n",
];

function runFile(random: Random): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return mutateBytes(encoder.encode(RUN), random);
    case 1:
      return encoder.encode(jsonText(mutateJson(TREE, random)));
    case 2: {
      const at = random.pick([...RUN.matchAll(/\n/g)].map((m) => m.index));
      return encoder.encode(
        RUN.slice(0, at) + random.pick(PIECES) + RUN.slice(at + 1),
      );
    }
    default:
      try {
        return encoder.encode(stringify(mutateJson(TREE, random)));
      } catch {
        return encoder.encode(jsonText(mutateJson(TREE, random)));
      }
  }
}

function override(random: Random): string {
  const path = Array.from(
    { length: 1 + random.below(3) },
    () => random.once(4) ? String(random.below(3)) : random.pick(KEYS),
  ).join(".");
  const value = random.once(3)
    ? random.pick(PIECES).slice(0, 300)
    : jsonText(random.pick(ODD_VALUES)).slice(0, 300);
  return `${path}=${value}`;
}

const ROWS = Array.from(
  { length: 8 },
  (_, i) => JSON.stringify({ instruction: `Say ${i}`, output: `${i}.` }) + "\n",
).join("");

/** Checks the run of the mutant, with an override now and then. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    Deno.env.set("HF_HUB_OFFLINE", "1"); // a mutated path may look like an id
    const file = `${folder}/run.${random.once(4) ? "json" : "yaml"}`;
    const isBase = random.once(4);
    const own = isBase ? encoder.encode(`extends: base.yaml\n${RUN}`) : null;
    await Deno.writeFile(file, own ?? runFile(random));
    await Deno.writeFile(
      `${folder}/base.yaml`,
      isBase ? runFile(random) : encoder.encode("seed: 3\n"),
    );
    await Deno.writeTextFile(`${folder}/rows.jsonl`, ROWS);
    await Deno.writeTextFile(`${folder}/more1.jsonl`, ROWS);
    const overrides = random.once(3) ? [override(random)] : [];
    const name = random.pick(["check", "check", "check", "plugins"]);
    if (name === "plugins") return await command("plugins", "--list", file);
    return await command("check", file, ...overrides);
  },
};
