/**
 * Training steps of a tiny GPT on WebGPU: denotune's and jax-js's, on the same adapter in the same run.
 * Run: `deno run -A tests/bench/webgpu_gpt_tiny.ts [both|ours|profile|jax] [steps]`
 *
 * 2 layers, 128 wide, 4 heads, vocabulary 256, B=8 T=64, AdamW; every token is trained. See README.md for
 * what was measured.
 * @module
 */
import process from "node:process";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { WebGpuExecutor } from "../../backends/webgpu/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { gpt2Architecture } from "../conformance/model/architectures.ts";
import { makeInputs } from "./webgpu_support.ts";
import { trainRequest } from "../train_request.ts";

/** The model and its batch. */
const SIZE = { layers: 2, width: 128, heads: 4, vocabulary: 256, B: 8, T: 64 };

interface Measured {
  readonly ms: number;
  /** Milliseconds of processor time a step. */
  readonly busy: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
}

async function timed(
  steps: number,
  run: (count: number) => Promise<void>,
): Promise<{ ms: number; busy: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  await run(steps);
  const used = process.cpuUsage(before);
  return {
    ms: (performance.now() - start) / steps,
    busy: (used.user + used.system) / 1000 / steps,
  };
}

async function ours(steps: number, profile: boolean): Promise<Measured> {
  const executor = await WebGpuExecutor.open({ profile });
  await using device = localDevice(executor);
  console.log("adapter:", device.info.description);
  const { layers, width, heads, vocabulary, B, T } = SIZE;
  const spec = gpt2Architecture.describe({
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_positions: T,
    n_ctx: T,
    vocab_size: vocabulary,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
  });
  const planned = planEngine(
    trainRequest(spec, { adamw: { weight_decay: 0.01 }, train: { B, T } }),
    device.info,
  );
  await using engine = await Engine.open(planned, device);
  for (const t of planned.trainables?.tensors ?? []) {
    const count = t.shape.reduce<number>(
      (n, d) => n * (typeof d === "number" ? d : 1),
      1,
    );
    const norm = /ln_|norm/.test(t.name) && /weight/.test(t.name);
    engine.session.write(
      t.name,
      Float32Array.from(
        { length: count },
        (_, i) => norm ? 1 : (((i * 7919) % 1009) / 1009 - 0.5) * 0.07,
      ),
    );
  }
  const inputs = makeInputs({ B, T, vocabulary });
  let step = 0;
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) {
      engine.micro(inputs, inputs.divisor);
      engine.update({ learningRate: 1e-3, step: ++step });
    }
    await device.idle();
  };
  await run(3);
  const [first] = await engine.results(3);
  const made = { ...executor.counters };
  await device.profile?.();
  const measured = await timed(steps, run);
  const [last] = await engine.results(1);
  const now = executor.counters;
  const perStep = (key: "dispatches" | "passes" | "submits") =>
    ((now[key] - made[key]) / steps).toFixed(1);
  console.log(
    `a step: ${perStep("dispatches")} dispatches, ${
      perStep("passes")
    } passes, ${perStep("submits")} submits; made after the first steps: ${
      now.pipelines - made.pipelines
    } pipelines, ${now.bindGroups - made.bindGroups} bind groups`,
  );
  if (profile) {
    const times = (await device.profile?.() ?? []).filter((t) => t.seconds > 0);
    const groups = Map.groupBy(
      times,
      (t) => `${t.kernel} ${t.label.replace(/\d+/g, "*")}`,
    );
    const rows = [...groups].map(([name, list]) => ({
      name,
      ms: list.reduce((s, t) => s + t.seconds, 0) * 1000 / steps,
      calls: list.reduce((s, t) => s + t.calls, 0) / steps,
    })).sort((a, b) => b.ms - a.ms);
    for (const r of rows.slice(0, 40)) {
      console.log(
        r.ms.toFixed(3).padStart(9),
        r.calls.toFixed(0).padStart(5),
        r.name,
      );
    }
    console.log(
      "in kernels:",
      rows.reduce((s, r) => s + r.ms, 0).toFixed(2),
      "ms",
    );
  }
  return {
    ...measured,
    firstLoss: first.lossSum / inputs.divisor,
    lastLoss: last.lossSum / inputs.divisor,
  };
}

function show(name: string, { ms, busy, firstLoss, lastLoss }: Measured): void {
  const tokens = Math.round(SIZE.B * SIZE.T / ms * 1000);
  console.log(
    `${name}: ${ms.toFixed(1)} ms a step (${
      busy.toFixed(1)
    } ms of processor), ${tokens} tokens/s; loss ${firstLoss.toFixed(3)} -> ${
      lastLoss.toFixed(3)
    }`,
  );
}

const [what = "both", count = "20"] = Deno.args;
const steps = Number(count);
if (what !== "jax") show("denotune", await ours(steps, what === "profile"));
if (what === "both" || what === "jax") {
  const { jax } = await import("./webgpu_jax.ts");
  show("jax-js", await jax({ ...SIZE, steps, timed }));
}
Deno.exit(0); // the GPU's threads would keep the process
