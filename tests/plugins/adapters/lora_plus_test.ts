/** LoRA+ (arXiv:2402.12354): which tensors learn faster, and by how much. */
import { localDevice } from "../../../core/device/local_device.ts";
import assert from "node:assert/strict";

import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import {
  type LoraOptions,
  loraOptions,
} from "../../../plugins/adapters/_options.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";
import { tinyBases } from "../../conformance/adapter.ts";
import {
  attachTo,
  inputsOf,
  openAdapted,
} from "../../conformance/adapter/run.ts";

const { llama } = tinyBases();
const make = (options: Partial<LoraOptions>) =>
  attachTo(
    llama,
    loraAdapter(loraOptions.parse({ r: 4, lora_alpha: 8, ...options })),
  );

Deno.test("LoRA+ makes B and tensors of one dimension learn faster, as PEFT's groups do", () => {
  const adapter = make({
    loraplus_lr_ratio: 16,
    use_dora: true,
    bias: "all",
    modules_to_save: ["norm", "lm_head"],
  });
  const factors = new Map(
    [
      ...adapter.parameters,
      ...[...llama.weights].filter(([name]) => adapter.trainsBase(name)).map((
        [name],
      ) => ({
        name,
        shape: name === "lm_head.weight" ? [23, 16] : [16],
        init: { kind: "zeros" } as const,
      })),
    ].map((t) => [t.name, adapter.learningRateFactor!(t)]),
  );
  const q = "base_model.model.model.layers.0.self_attn.q_proj";
  assert.equal(factors.get(`${q}.lora_A.weight`), 1);
  assert.equal(factors.get(`${q}.lora_B.weight`), 16);
  assert.equal(factors.get(`${q}.lora_magnitude_vector`), 16);
  assert.equal(factors.get("model.layers.0.self_attn.q_proj.bias"), 16);
  assert.equal(factors.get("model.norm.weight"), 16);
  assert.equal(factors.get("lm_head.weight"), 1);
});

Deno.test("LoRA+ follows a trajectory computed by hand: A - lr dA, B - lr ratio dB", async () => {
  const adapter = make({ loraplus_lr_ratio: 8, target_modules: ["q_proj"] });
  const batch = inputsOf({
    input_ids: [[3, 7, 1, 9, 22, 4]],
    labels: [[3, 7, 1, 9, 22, 4]],
    lengths: [6],
  });
  await using engine = await openAdapted(
    localDevice(new ReferenceExecutor()),
    llama,
    {
      adapter,
      optimizer: sgdRule({
        learning_rate: 0.05,
        momentum: 0,
        nesterov: false,
        weight_decay: 0,
        decay_norm_and_bias: false,
      }),
      B: 1,
      T: 6,
    },
  );
  const names = adapter.parameters.map((p) => p.name);
  let moved = 0;
  for (let step = 1; step <= 3; step++) {
    engine.micro(batch, batch.divisor);
    const wanted = new Map<string, Float32Array>();
    for (const name of names) {
      const before = await engine.readTrained(name);
      const gradient = await engine.gradient(name);
      const rate = 0.05 * (name.includes("lora_B") ? 8 : 1);
      wanted.set(name, before.map((v, i) => v - rate * gradient[i]));
      moved += gradient.reduce((n, g) => n + Math.abs(g), 0);
    }
    engine.update({ learningRate: 0.05, step });
    for (const name of names) {
      const found = await engine.readTrained(name);
      found.forEach((v, i) =>
        assert.ok(
          Math.abs(v - wanted.get(name)![i]) < 1e-7,
          `${name}[${i}] in step ${step}`,
        )
      );
    }
  }
  assert.ok(moved > 0.1);
});

Deno.test("without a ratio everything is one group", async () => {
  const adapter = make({});
  assert.ok(
    adapter.parameters.every((p) => adapter.learningRateFactor!(p) === 1),
  );
  await using engine = await openAdapted(
    localDevice(new ReferenceExecutor()),
    llama,
    {
      adapter,
      optimizer: sgdRule({
        learning_rate: 0.05,
        momentum: 0,
        nesterov: false,
        weight_decay: 0,
        decay_norm_and_bias: false,
      }),
      B: 1,
      T: 6,
    },
  );
  assert.equal(engine.planned.trainables?.groups.length, 1);
});
