/**
 * Tokens per second of generation with random weights: `small` (a Llama of 5 layers, 64 wide, 512 tokens, as
 * stories260k), `medium` (6 layers, 384 wide, 32,000 tokens), `llama-135m` or `gpt2-124m`; how often the device was read.
 * With `--prompts` more prompts than rows, whose answers have from 1 to `--tokens` tokens. Run:
 * `deno run -A tests/bench/generation.ts BACKEND MODEL [--rows 1] [--tokens 128] [--prompts N] [--sample]
 * [--rounds 3] [--quantization int8|nf4] [--profile]`
 * @module
 */
import { initialWeights } from "../../core/io/initial_weights.ts";
import type { Device, ModelSpec } from "@denotune/denotune/core";
import {
  createPart,
  creatingWith,
  QUANTIZATIONS,
} from "@denotune/denotune/core";
import { writeQuantized } from "../../core/engine/quantized_weights.ts";
import { isQuantized } from "../../core/graph/dtype.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import process from "node:process";
import { builtinRegistry } from "../run_harness.ts";

const flag = (name: string) => Deno.args.includes(`--${name}`);
const number = (name: string, byDefault: number) => {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? byDefault : Number(Deno.args[at + 1]);
};

function llama(
  layers: number,
  width: number,
  heads: number,
  vocabulary: number,
): ModelSpec {
  return llamaArchitecture.describe({
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    hidden_size: width,
    intermediate_size: width * 8 / 3 - (width * 8 / 3) % 4,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads / 2,
    vocab_size: vocabulary,
    hidden_act: "silu",
    max_position_embeddings: 1024,
    rms_norm_eps: 1e-5,
    initializer_range: 0.02,
    tie_word_embeddings: true,
  });
}

const MODELS: Readonly<Record<string, () => ModelSpec>> = {
  small: () => llama(5, 64, 8, 512),
  medium: () => llama(6, 384, 6, 32000),
  "llama-135m": () =>
    llamaArchitecture.describe({
      model_type: "llama",
      hidden_size: 576,
      intermediate_size: 1536,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      vocab_size: 49152,
      hidden_act: "silu",
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    }),
  "gpt2-124m": () =>
    gpt2Architecture.describe({
      model_type: "gpt2",
      architectures: ["GPT2LMHeadModel"],
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
      n_positions: 1024,
      n_ctx: 1024,
      vocab_size: 50257,
      activation_function: "gelu_new",
      layer_norm_epsilon: 1e-5,
      tie_word_embeddings: true,
    }),
};

const [backend = "cpu", name = "small"] = Deno.args;
const spec = MODELS[name]();
const [rows, tokens] = [number("rows", 1), number("tokens", 128)];
const asked = Deno.args[Deno.args.indexOf("--quantization") + 1];
const registry = builtinRegistry();
const creating = creatingWith(registry, {
  notice: (message) => console.log(message),
});
const part = await createPart("backend", {
  use: backend,
  ...(flag("profile") ? { profile: true } : {}),
}, creating);
await using opened = await part.open();
let reads = 0;
const device: Device = new Proxy(opened, {
  get(target, key) {
    if (key === "read") reads++;
    const value: unknown = Reflect.get(target, key, target);
    return typeof value === "function" ? value.bind(target) : value;
  },
});
const planned = planEngine({
  spec,
  adapter: null,
  frozenDtype: "f32",
  quantization: QUANTIZATIONS.find((q) => q === asked) ?? null,
  causal: true,
  train: null,
  evaluate: null,
  generate: { rows, capacity: 32 + tokens, prefill: 32 },
  sources: 1,
}, device.info);
await using engine = await Engine.open(planned, device);
for (const w of planned.inventory.weights) {
  const values = initialWeights(w, 3);
  if (!isQuantized(engine.session.dtypeOf(w.name))) {
    engine.session.write(w.name, values);
  } else {
    writeQuantized(
      engine.session,
      w.name,
      (start, count) => values.subarray(start, start + count),
    );
  }
  await engine.session.drain();
}
const { generator } = engine;
if (generator === null) throw new Error("not planned for generation");
const count = number("prompts", rows);
const prompts = Array.from({ length: count }, (_, key) => ({
  prompt: Int32Array.from({ length: 16 }, (_, i) => (7 * i + key) % 500),
  maxNewTokens: count > rows ? 1 + (37 * key) % tokens : tokens,
  key,
  onToken: () => false,
}));
const sampling = flag("sample")
  ? { temperature: 0.8, topK: 50, topP: 0.95, repetitionPenalty: 1.1, seed: 1 }
  : { temperature: 0, topK: null, topP: 1, repetitionPenalty: 1, seed: 1 };
console.log(
  `${device.info.description}: ${name}, ${count} prompts in ${rows} rows, ${tokens} tokens${
    flag("sample") ? ", drawn by temperature, top k, top p and penalty" : ""
  }`,
);
for (let round = 0; round < number("rounds", 3); round++) {
  reads = 0;
  const start = performance.now();
  const processor = process.cpuUsage();
  const answers = await generator.generate(prompts, sampling);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const written = answers.reduce((sum, { ids }) => sum + ids.length, 0);
  console.log(
    `round ${round}: ${(written / seconds).toFixed(1)} tokens/s, ${
      (seconds / written * 1000).toFixed(2)
    } ms a token (${
      ((user + system) / written / 1000).toFixed(2)
    } of processor time), ${reads} reads`,
  );
}
if (flag("profile")) {
  const times = await opened.profile?.() ?? [];
  for (
    const t of [...times].sort((a, b) => b.seconds - a.seconds).slice(0, 24)
  ) {
    console.log(
      `${(t.seconds * 1000).toFixed(1).padStart(9)} ms ${
        String(t.calls).padStart(6)
      } x ${t.kernel} ${t.label}`,
    );
  }
}
