/**
 * Dropout of a model's own against transformers, which was given the same masks (`dropout.json`, double precision):
 * the loss, and the gradient of every tensor, to 1e-4 on every backend; and runs with it.
 */
import assert from "node:assert/strict";
import type { Device } from "@denotune/denotune/core";
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { sgdRule } from "../../plugins/optimizers/sgd_rule.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { layOutLines } from "./_lines.ts";
import golden from "./dropout.json" with { type: "json" };

type Case = (typeof golden)[keyof typeof golden];

function near(found: number, wanted: number, what: string): void {
  const off = Math.abs(found - wanted) / Math.max(1e-3, Math.abs(wanted));
  assert.ok(off <= 1e-4, `${what}: ${found}, torch ${wanted}`);
}

async function compare(
  device: Device,
  { model, shares, ...wanted }: Case,
  checkpointing: boolean,
): Promise<void> {
  const inputs = layOutLines(wanted.input_ids.map((ids, b) => {
    const n = wanted.lengths[b];
    return [{ ids: ids.slice(0, n), labels: wanted.labels[b].slice(0, n) }];
  }));
  const path = new URL(`models/${model}`, import.meta.url).pathname;
  using files = openModelFolder(path);
  const architecture = model.startsWith("gpt2")
    ? gpt2Architecture
    : llamaArchitecture;
  const spec = architecture.describe(files.config);
  const size = { B: inputs.B, T: inputs.T };
  const planned = planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    train: {
      ...size,
      optimizer: sgdRule({
        learning_rate: 0.1,
        momentum: 0,
        nesterov: false,
        weight_decay: 0,
        decay_norm_and_bias: false,
      }),
      maxGradNorm: null,
      checkpointing,
      dropout: shares,
    },
    evaluate: size,
    generate: null,
    sources: 1,
  }, device.info);
  await using engine = await Engine.open(planned, device);
  await loadWeights(files, { spec, weights: planned.inventory.weights }, {
    dtypeOf: () => "f32",
    sink: ({ name, start, data }) => engine.session.write(name, data, start),
  });
  const evaluated = await engine.evaluate([inputs]);
  near(evaluated.lossSum / inputs.divisor, wanted.undropped, "evaluation");
  engine.micro(inputs, inputs.divisor);
  for (const [name, norm] of Object.entries(wanted.gradients)) {
    const values = await engine.gradient(name);
    const found = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    near(found, norm, `gradient of ${name}`);
  }
  engine.update({ learningRate: 0.1, step: 1 });
  const [{ lossSum }] = await engine.results(1);
  near(lossSum / inputs.divisor, wanted.loss, "loss");
  assert.ok(Math.abs(wanted.loss - wanted.undropped) > 0.01);
}

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

for (const part of BACKENDS) {
  for (const [name, one] of Object.entries(golden)) {
    // software adapters compile slowly: of all places at once is enough
    if (part.name === "webgpu" && name !== "gpt2" && !ALL) continue;
    Deno.test(`dropout of ${name} on ${part.name} gives transformers' loss and gradients with the same masks`, async () => {
      await using device = await openBackend(part);
      await compare(device, one, name === "attention");
    });
  }
}
