/** Gradient checkpointing: the same numbers, bit for bit, in less memory, as much less as the plan says. */
import { localDevice } from "../../../core/device/local_device.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import type { Device, Optimizer } from "@denotune/denotune/core";

import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine } from "../../../core/engine/engine.ts";
import {
  planEngine,
  type PlannedEngine,
} from "../../../core/engine/plan_engine.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { attachTo } from "../../conformance/adapter/run.ts";

const optimizer: Optimizer = adamwRule({
  learning_rate: 1e-2,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weight_decay: 0.01,
  decay_norm_and_bias: false,
});
const C = 48;
const [B, T] = [3, 40];

function plan(
  options: {
    layers: number;
    checkpointing: boolean;
    adapter?: boolean;
    limits?: { alignment: number; maxBufferBytes: number };
  },
): PlannedEngine {
  const spec = llamaArchitecture.describe({
    model_type: "llama",
    vocab_size: 101,
    hidden_size: C,
    intermediate_size: 96,
    num_hidden_layers: options.layers,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    initializer_range: 0.2,
    tie_word_embeddings: true,
    hidden_act: "silu",
    rope_theta: 10000,
  });
  const adapter = options.adapter === true
    ? attachTo(
      { spec, weights: new Map() },
      loraAdapter(loraOptions.parse({
        r: 4,
        lora_dropout: 0.1,
        init_lora_weights: "gaussian",
      })),
    )
    : null;
  return planEngine({
    spec,
    adapter,
    frozenDtype: "f32",
    causal: true,
    train: {
      B,
      T,
      optimizer,
      maxGradNorm: 1,
      checkpointing: options.checkpointing,
    },
    evaluate: null,
    generate: null,
    sources: 1,
  }, options.limits ?? { alignment: 4, maxBufferBytes: 2 ** 40 });
}

function batch(step: number): Inputs {
  const N = B * T;
  const tokens = Int32Array.from(
    { length: N },
    (_, i) => (i * i * 31 + step * 17) % 101,
  );
  const rows = Int32Array.from(tokens.keys()).filter((i) => i % 5 !== 0);
  return {
    B,
    T,
    tokens,
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segments: new Int32Array(N).fill(1),
    rowKeys: Int32Array.from({ length: N }, (_, i) => i * 101 + step * 7919),
    rows,
    targets: rows.map((i) => (tokens[i] * 3 + 1) % 101),
    weights: new Float32Array(rows.length).fill(1),
    sources: new Int32Array(rows.length),
    divisor: rows.length,
  };
}

async function losses(
  device: Device,
  options: { checkpointing: boolean; adapter: boolean },
): Promise<number[]> {
  const planned = plan({ layers: 3, ...options, limits: device.info });
  await using engine = await Engine.open(planned, device);
  for (
    const w of [
      ...planned.inventory.weights,
      ...planned.request.adapter?.parameters ?? [],
    ]
  ) engine.session.write(w.name, initialWeights(w, 3));
  for (let step = 0; step < 6; step++) {
    for (const half of [0, 1]) engine.micro(batch(2 * step + half), 190);
    engine.update({ learningRate: 1e-2, step: step + 1 });
  }
  return (await engine.results(6)).flatMap((r) => [r.lossSum, r.gradNorm]);
}

const devices: Record<string, () => Device | Promise<Device>> = {
  "cpu, WebAssembly": () => openCpu({ workers: 2, blas: "off" }),
  "cpu, BLAS where there is one": () => openCpu({ workers: 2, blas: "auto" }),
  reference: () => localDevice(new ReferenceExecutor()),
};
for (const [name, open] of Object.entries(devices)) {
  for (const adapter of [false, true]) {
    Deno.test(`gradient checkpointing changes no bit of losses and norms (${name}, ${adapter ? "lora with dropout" : "all weights"})`, async () => {
      const runs: number[][] = [];
      for (const checkpointing of [false, true]) {
        await using device = await open();
        runs.push(await losses(device, { checkpointing, adapter }));
      }
      const [plain, checkpointed] = runs;
      assert.ok(plain.every((v) => Number.isFinite(v) && v > 0));
      assert.notEqual(plain[0], plain[10], "something is learned");
      assert.deepEqual(checkpointed, plain);
    });
  }
}

Deno.test("with gradient checkpointing a further block costs its input, and nothing else", () => {
  const activations = (layers: number, checkpointing: boolean) =>
    plan({ layers, checkpointing }).report.activations;
  const state = B * T * C * 4; // (N, C) in float32
  for (const layers of [4, 8]) {
    const further = activations(layers + 4, true) - activations(layers, true);
    assert.equal(further / 4, state);
  }
  const kept = (activations(8, false) - activations(4, false)) / 4;
  assert.ok(kept > 8 * state, `${kept / state} states a block without it`);
  assert.ok(activations(12, true) < activations(12, false) / 3);
});
