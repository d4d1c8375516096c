/**
 * Speed of whole training steps on the cpu backend, with the kernels that take the time. Run:
 * `deno run -A tests/bench/cpu_training.ts [workers] [auto|off] [quickstart|small|smollm]`
 * @module
 */
import type { Inputs, Optimizer, OptionsSchema } from "@denotune/denotune/core";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import process from "node:process";
import { llamaArchitecture } from "../conformance/model/architectures.ts";
import { adamw } from "../../plugins/optimizers/adamw.ts";
import { benchHost, openCpu } from "../backends/cpu/open.ts";

interface Size {
  readonly config: Record<string, unknown>;
  readonly B: number;
  readonly T: number;
  /** Steps that are timed. */
  readonly steps: number;
}

function llama(
  hidden: number,
  layers: number,
  more: Record<string, unknown>,
): Record<string, unknown> {
  return {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    hidden_size: hidden,
    num_hidden_layers: layers,
    hidden_act: "silu",
    max_position_embeddings: 2048,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    ...more,
  };
}

const SIZES: Readonly<Record<string, Size>> = {
  quickstart: {
    config: llama(64, 2, {
      vocab_size: 259,
      intermediate_size: 96,
      num_attention_heads: 4,
      num_key_value_heads: 4,
    }),
    B: 48,
    T: 24,
    steps: 50,
  },
  small: {
    config: llama(128, 4, {
      vocab_size: 512,
      intermediate_size: 384,
      num_attention_heads: 4,
      num_key_value_heads: 2,
    }),
    B: 8,
    T: 128,
    steps: 20,
  },
  smollm: {
    config: llama(576, 30, {
      vocab_size: 49152,
      intermediate_size: 1536,
      num_attention_heads: 9,
      num_key_value_heads: 3,
    }),
    B: 2,
    T: 256,
    steps: 2,
  },
};

async function optimizer(): Promise<Optimizer> {
  const schema: OptionsSchema<unknown, Parameters<typeof adamw.create>[0]> =
    adamw.options;
  const result = await schema["~standard"].validate({});
  if (result.issues !== undefined) throw new Error("adamw has no defaults");
  return await adamw.create(result.value, benchHost);
}

function batch({ B, T }: Size, vocabulary: number): Inputs {
  const N = B * T;
  const tokens = Int32Array.from(
    { length: N },
    (_, i) => (i * 7919) % vocabulary,
  );
  return {
    B,
    T,
    tokens,
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segments: new Int32Array(N).fill(1),
    rowKeys: Int32Array.from({ length: N }, (_, i) => i),
    rows: Int32Array.from({ length: N }, (_, i) => i),
    targets: tokens.map((t) => (t + 1) % vocabulary),
    weights: new Float32Array(N).fill(1),
    sources: new Int32Array(N),
    divisor: N,
  };
}

const [workers = "2", blas = "auto", name = "small"] = Deno.args;
const size = SIZES[name];
if (size === undefined) {
  throw new Error(`no size ${name}: ${Object.keys(SIZES)}`);
}
const spec = llamaArchitecture.describe(size.config);
for (const profile of [false, true]) {
  await using device = await openCpu({
    workers: Number(workers),
    blas: blas === "off" ? "off" : "auto",
    profile,
  });
  const planned = planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    train: {
      B: size.B,
      T: size.T,
      optimizer: await optimizer(),
      maxGradNorm: 1,
      checkpointing: false,
    },
    evaluate: null,
    generate: null,
    sources: 1,
  }, device.info);
  const opening = performance.now();
  await using engine = await Engine.open(planned, device);
  const opened = performance.now() - opening;
  for (const t of planned.trainables?.tensors ?? []) {
    const count = t.shape.reduce<number>(
      (n, d) => n * (typeof d === "number" ? d : 1),
      1,
    );
    engine.writeTrained(
      t.name,
      Float32Array.from(
        { length: count },
        (_, i) => ((i * 37) % 101) / 1010 - 0.05,
      ),
    );
  }
  const inputs = batch(size, spec.vocabSize);
  const steps = async (count: number) => {
    const start = performance.now();
    for (let step = 1; step <= count; step++) {
      engine.micro(inputs, inputs.divisor);
      engine.update({ learningRate: 1e-4, step });
    }
    await device.idle();
    return (performance.now() - start) / count;
  };
  if (!profile) {
    console.log(
      device.info.description,
      "opened in",
      Math.round(opened),
      "ms",
    );
  }
  await steps(Math.min(3, size.steps));
  await device.profile?.();
  const before = process.cpuUsage();
  const ms = await steps(size.steps);
  const used = process.cpuUsage(before);
  const busy = (used.user + used.system) / 1000 / size.steps;
  if (!profile) {
    console.log(
      `${name}: ${ms.toFixed(2)} ms a step (${
        busy.toFixed(2)
      } ms of processor), ${Math.round(size.B * size.T / ms * 1000)} tokens/s`,
    );
    console.log(
      (await engine.results(2)).map((r) => r.lossSum / inputs.divisor),
    );
    continue;
  }
  const times = await device.profile?.() ?? [];
  const byKernel = Map.groupBy(
    times,
    (t) => `${t.kernel} ${t.label.replace(/\d+/g, "*")}`,
  );
  const rows = [...byKernel].map(([kernel, list]) => ({
    kernel,
    ms: list.reduce((s, t) => s + t.seconds, 0) * 1000 / size.steps,
    calls: list.reduce((s, t) => s + t.calls, 0) / size.steps,
  })).sort((a, b) => b.ms - a.ms);
  console.log(
    `profiled: ${ms.toFixed(2)} ms a step, ${
      rows.reduce((sum, r) => sum + r.ms, 0).toFixed(2)
    } in kernels`,
  );
  for (const r of rows.slice(0, 24)) {
    console.log(
      r.ms.toFixed(3).padStart(9),
      String(r.calls).padStart(6),
      r.kernel,
    );
  }
}
