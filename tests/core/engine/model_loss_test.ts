/** Losses of a model's own, beside the objective's: what is differentiated, what is reported, and by what it is divided. */
import assert from "node:assert/strict";
import type { ModelSpec } from "@denotune/denotune/core";
import { elementwise } from "../../../core/graph/ops/elementwise.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine, trainedBatchTokens } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { gradientRule } from "../../conformance/objective/gradient_rule.ts";
import { layOutLines } from "../../golden/_lines.ts";
import { TINY_LLAMA } from "../../run_harness.ts";

const COEFFICIENT = 0.3;

/** A Llama with a gate, the square of which is a loss of each token. */
function gated(checkpointed = false): ModelSpec {
  const spec = llamaArchitecture.describe({
    ...TINY_LLAMA,
    vocab_size: 23,
    hidden_size: 16,
    num_hidden_layers: 1,
  });
  return {
    ...spec,
    forward(builder) {
      const hidden = spec.forward(builder);
      const body = () => {
        const gate = builder.linear(hidden, {
          name: "gate",
          in: 16,
          out: 1,
          bias: false,
          layout: "NT",
          init: { kind: "normal", std: 0.3 },
        });
        const squared = elementwise(builder.graph, [gate], (x) => x.mul(x));
        builder.loss("gate_size", squared, { coefficient: COEFFICIENT });
        return squared;
      };
      checkpointed ? builder.block(1, body) : body();
      return hidden;
    },
  };
}

async function open(spec: ModelSpec, checkpointing = false): Promise<Engine> {
  const device = localDevice(new ReferenceExecutor());
  const planned = planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    train: {
      B: 4,
      T: 16,
      optimizer: gradientRule,
      maxGradNorm: null,
      checkpointing,
    },
    evaluate: { B: 4, T: 16 },
    generate: null,
    sources: 1,
  }, device.info);
  const engine = await Engine.open(planned, device);
  for (const w of planned.inventory.weights) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  return engine;
}

const row = (ids: number[]) => ({ ids, labels: ids });
const [short, long] = [row([4, 5, 6]), row([7, 8, 9, 10, 11, 12])];

async function gradientsOf(engine: Engine, micro: readonly Inputs[]) {
  const divisor = micro.reduce((n, inputs) => n + inputs.divisor, 0);
  const tokens = micro.reduce((n, own) => n + trainedBatchTokens(own), 0);
  for (const inputs of micro) engine.micro(inputs, divisor, { tokens });
  const gradients: Record<string, Float32Array> = {};
  for (const { name } of engine.planned.inventory.weights) {
    gradients[name] = await engine.gradient(name);
  }
  engine.update({ learningRate: 0, step: 1 });
  const [{ metrics }] = await engine.results(1);
  return { gradients, metrics };
}

Deno.test("a model's own loss is divided by the tokens of the step, however it is cut into micro-batches", async () => {
  await using whole = await open(gated());
  const wanted = await gradientsOf(whole, [layOutLines([[short], [long]])]);
  assert.equal(wanted.metrics.gate_size.weight, 9);
  assert.ok(wanted.metrics.gate_size.sum > 0);
  for (
    const micro of [
      [layOutLines([[short]]), layOutLines([[long]])],
      [layOutLines([[short, long]])],
    ]
  ) {
    await using engine = await open(gated());
    const found = await gradientsOf(engine, micro);
    assert.ok(
      Math.abs(found.metrics.gate_size.sum - wanted.metrics.gate_size.sum) <
        1e-5,
    );
    for (const [name, gradient] of Object.entries(wanted.gradients)) {
      gradient.forEach((g, i) =>
        assert.ok(Math.abs(g - found.gradients[name][i]) < 1e-6, name)
      );
    }
  }
});

Deno.test("a model's own loss has the same gradients where its block is computed again", async () => {
  const batch = [layOutLines([[short], [long]])];
  await using kept = await open(gated());
  await using again = await open(gated(true), true);
  const wanted = await gradientsOf(kept, batch);
  const found = await gradientsOf(again, batch);
  for (const [name, gradient] of Object.entries(wanted.gradients)) {
    gradient.forEach((g, i) =>
      assert.ok(Math.abs(g - found.gradients[name][i]) < 1e-6, name)
    );
  }
});

Deno.test("gradients are slopes of the objective's loss and the model's together", async () => {
  await using engine = await open(gated());
  const inputs = layOutLines([[short], [long]]);
  const { gradients } = await gradientsOf(engine, [inputs]);
  const total = async () => {
    const { lossSum, metrics } = await engine.evaluate([inputs]);
    const { sum, weight } = metrics.gate_size;
    return lossSum / inputs.divisor + COEFFICIENT * sum / weight;
  };
  for (const name of ["gate.weight", "model.norm.weight"]) {
    const before = await engine.readTrained(name);
    for (const i of [0, 5, 11]) {
      const h = 2 ** -6;
      const at = async (step: number) => {
        const moved = before.slice();
        moved[i] += step;
        engine.writeTrained(name, moved);
        return await total();
      };
      const slope = (await at(h) - await at(-h)) / (2 * h);
      engine.writeTrained(name, before);
      assert.ok(
        Math.abs(slope - gradients[name][i]) <
          2e-3 * (0.1 + Math.abs(gradients[name][i])),
        `${name}[${i}]: ${gradients[name][i]}, slope ${slope}`,
      );
    }
  }
});
