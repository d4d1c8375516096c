/**
 * Whole training steps of real sizes on WebGPU, random weights: tokens/s, memory, and the kernels that take
 * the time. Run: `deno run -A tests/bench/webgpu_models.ts [gpt2-124m|smollm2-135m|tiny] [steps] [--profile]`
 *
 * gpt2-124m: a full step at B=8 T=1024. smollm2-135m: LoRA r=16 on all linear layers, frozen base in
 * bfloat16, B=8 T=1024. `webgpu_pytorch.py` does the same in PyTorch.
 * @module
 */
import { createPart, creatingWith } from "@denotune/denotune/core";
import { WebGpuExecutor } from "../../backends/webgpu/mod.ts";
import type { Adapter } from "../../core/contracts/adapter.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import { builtinRegistry } from "../run_harness.ts";
import { makeInputs } from "./webgpu_support.ts";
import { trainRequest } from "../train_request.ts";

interface Model {
  readonly config: Record<string, unknown>;
  readonly lora: boolean;
  readonly B: number;
  readonly T: number;
}

function gpt2(
  layers: number,
  width: number,
  heads: number,
  vocabulary: number,
) {
  return {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_positions: 1024,
    n_ctx: 1024,
    vocab_size: vocabulary,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
  };
}

const MODELS: Readonly<Record<string, Model>> = {
  "gpt2-124m": { config: gpt2(12, 768, 12, 50257), lora: false, B: 8, T: 1024 },
  "smollm2-135m": {
    config: {
      model_type: "llama",
      architectures: ["LlamaForCausalLM"],
      hidden_size: 576,
      num_hidden_layers: 30,
      intermediate_size: 1536,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      vocab_size: 49152,
      hidden_act: "silu",
      max_position_embeddings: 8192,
      rope_theta: 100000,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
      attention_bias: false,
      mlp_bias: false,
    },
    lora: true,
    B: 8,
    T: 1024,
  },
  tiny: { config: gpt2(2, 128, 4, 256), lora: false, B: 4, T: 64 },
};

const profile = Deno.args.includes("--profile");
const [name = "gpt2-124m", count = "10"] = Deno.args.filter((a) =>
  !a.startsWith("--")
);
const model = MODELS[name];
if (model === undefined) {
  throw new Error(`no model ${name}: ${Object.keys(MODELS)}`);
}
const steps = Number(count);
const { B, T } = model;
const executor = await WebGpuExecutor.open({ profile });
const device = localDevice(executor);
const architecture = model.lora ? llamaArchitecture : gpt2Architecture;
const spec = architecture.describe(model.config);

async function attach() {
  if (!model.lora) return null;
  const registry = builtinRegistry();
  const creating = creatingWith(registry);
  const adapter: Adapter = await createPart("adapter", {
    use: "lora",
    r: 16,
    lora_alpha: 32,
    lora_dropout: 0,
  }, creating);
  return adapter.attach({ spec, ...inventoryOf(spec, T) });
}

const planned = planEngine(
  trainRequest(spec, {
    adapter: await attach(),
    frozenDtype: model.lora ? "bf16" : "f32",
    adamw: { learning_rate: 1e-4 },
    train: { B, T },
  }),
  device.info,
);
console.log(device.info.description, device.info.fingerprint);
console.log(
  "planned GB:",
  Object.fromEntries(
    Object.entries(planned.report).map(([k, v]) => [k, (v / 1e9).toFixed(3)]),
  ),
);
const opening = performance.now();
const engine = await Engine.open(planned, device);
console.log("opened in", Math.round(performance.now() - opening), "ms");
for (
  const { name, shape, dtype } of [...planned.memory.variables].map((
    [name, place],
  ) => ({ name, ...place }))
) {
  if (!planned.inventory.weights.some((w) => w.name === name)) continue;
  const elements = shape.reduce((a, b) => a * b, 1);
  for (let start = 0; start < elements; start += 2 ** 22) {
    const n = Math.min(2 ** 22, elements - start);
    const values = Float32Array.from(
      { length: n },
      (_, i) =>
        shape.length === 1
          ? (/bias/.test(name) ? 0 : 1)
          : ((((start + i) * 7919) % 100003) / 100003 - 0.5) * 0.07,
    );
    engine.session.write(
      name,
      dtype === "f32" ? values : Uint16Array.from(
        new Uint32Array(values.buffer),
        (bits) => bits >>> 16,
      ),
      start,
    );
  }
}
const inputs = makeInputs({ B, T, vocabulary: spec.vocabSize });
let step = 0;
const run = async (count: number): Promise<number> => {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    engine.micro(inputs, inputs.divisor);
    engine.update({ learningRate: 1e-4, step: ++step });
  }
  await device.idle();
  return (performance.now() - start) / count;
};
await run(2);
await device.profile?.();
const ms = await run(steps);
const [last] = await engine.results(1);
console.log(
  `${name}: ${ms.toFixed(1)} ms a step, ${
    Math.round(B * T / ms * 1000)
  } tokens/s, ${(executor.counters.allocatedBytes / 1e9).toFixed(2)} GB; loss ${
    (last.lossSum / inputs.divisor).toFixed(4)
  }`,
);
const times = (await device.profile?.() ?? []).filter((t) => t.seconds > 0);
const groups = Map.groupBy(
  times,
  (t) => `${t.kernel} ${t.label.replace(/\d+/g, "*")}`,
);
const rows = [...groups].map(([kernel, list]) => ({
  kernel,
  ms: list.reduce((s, t) => s + t.seconds, 0) * 1000 / steps,
})).sort((a, b) => b.ms - a.ms);
for (const r of rows.slice(0, 30)) {
  console.log(r.ms.toFixed(3).padStart(10), r.kernel);
}
Deno.exit(0); // the GPU's threads would keep the process
