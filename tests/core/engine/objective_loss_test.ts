/**
 * Losses of an objective's own in the engine: on a tiny Llama, on the reference backend and on cpu.
 */
import assert from "node:assert/strict";
import {
  defineLoss,
  type Device,
  entropy,
  layOutTargets,
  logProbability,
  type ObjectiveLoss,
} from "../../../core/mod.ts";
import { testObjective } from "@denotune/denotune/testing";
import { localDevice } from "../../../core/device/local_device.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { layOutLines } from "../../golden/_lines.ts";
import { TINY_LLAMA } from "../../run_harness.ts";
import { trainRequest } from "../../train_request.ts";

const spec = llamaArchitecture.describe({
  ...TINY_LLAMA,
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 1,
});

/** Two pairs, packed two sequences a row; the second has a sequence that is trained in part. */
function pairs(): Inputs {
  const row = (ids: number[], from: number) => ({
    ids,
    labels: ids.map((id, i) => i >= from ? id : -100),
  });
  const inputs = layOutLines([
    [row([5, 6, 7, 8], 2), row([5, 6, 9, 10, 11], 2)],
    [row([3, 1, 2, 12, 13, 14], 3), row([3, 1, 2, 15], 3)],
  ]);
  const groups = Int32Array.from(
    inputs.segments,
    (segment, at) => segment === 0 ? 0 : 1 + Math.floor(at / inputs.T),
  );
  return { ...inputs, groups, divisor: 2 };
}

async function withEngine<T>(
  loss: ObjectiveLoss | null,
  body: (engine: Engine) => Promise<T>,
  open: () => Promise<Device> | Device = () =>
    localDevice(new ReferenceExecutor()),
): Promise<T> {
  await using device = await open();
  const planned = planEngine(
    trainRequest(spec, {
      loss,
      adamw: { learning_rate: 1e-2 },
      train: { B: 2, T: 16, maxGradNorm: null },
      evaluate: { B: 2, T: 16 },
    }),
    device.info,
  );
  await using engine = await Engine.open(planned, device);
  for (const w of planned.inventory.weights) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  return await body(engine);
}

async function gradientsOf(
  engine: Engine,
): Promise<Record<string, Float32Array>> {
  const found: Record<string, Float32Array> = {};
  for (const { name } of engine.planned.trainables?.tensors ?? []) {
    found[name] = await engine.gradient(name);
  }
  return found;
}

const crossEntropy = defineLoss({
  statistics: { logProbability },
  loss: ({ statistics, weights }) => ({
    loss: statistics.logProbability.mul(weights).neg(),
  }),
});

/** SimPO with a bonus for entropy: a margin between mean log-probabilities. */
const simpo = defineLoss({
  statistics: { logProbability, entropy },
  loss: ({ statistics, weights }) => {
    const length = weights.sum("sequence");
    const mean = (of: typeof weights) =>
      of.mul(weights).sum("sequence").div(length);
    const score = mean(statistics.logProbability)
      .add(mean(statistics.entropy).mul(0.1));
    const margin = score.member(0).sub(score.member(1));
    return {
      loss: margin.mul(2).sub(0.5).logSigmoid().neg(),
      metrics: { accuracy: { sum: margin.lt(0).select(0, 1) } },
    };
  },
});

/** As KTO: each answer against a number of the whole window, through which no gradient passes. */
const againstWindow = defineLoss({
  statistics: { logProbability },
  window: ({ statistics, weights }) => ({
    sum: statistics.logProbability.mul(weights).sum("sequence"),
    count: weights.select(1, 1),
  }),
  loss: ({ statistics, weights, window }) => {
    const baseline = window.sum.div(window.count.add(1)).detach();
    const score = statistics.logProbability.mul(weights).sum("sequence");
    return {
      loss: score.sub(baseline).sigmoid().neg().add(baseline.mul(0.1)),
      metrics: { baseline: { sum: score.mul(0).add(baseline) } },
    };
  },
});

testObjective("a loss that reads numbers of the window", () => ({
  attention: "causal",
  inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
  loss: againstWindow,
}), { detached: true });

testObjective("a loss with inputs of its own", () => ({
  attention: "causal",
  inputs: (batch, key) => {
    const inputs = layOutTargets(batch, key, { shift: 1 });
    return {
      ...inputs,
      own: { reward: Float32Array.from(inputs.targets, (id) => id / 10 - 1) },
    };
  },
  loss: defineLoss({
    statistics: { logProbability },
    inputs: { reward: { per: "row" } },
    loss: ({ statistics, inputs, weights }) => ({
      loss: statistics.logProbability.mul(inputs.reward).mul(weights),
    }),
  }),
}));

/** A reward at the last token of each sequence, by a head of one column; the first of a pair is to have more. */
testObjective("a loss over a head of one column", () => ({
  attention: "causal",
  head: {
    name: "score.weight",
    columns: 1,
    init: { kind: "normal", std: 0.02 },
  },
  inputs: (batch, key) => {
    const inputs = layOutTargets(batch, key, { shift: 0 });
    const { segments, T } = batch;
    const isLast = (at: number) =>
      (at + 1) % T === 0 || segments[at + 1] !== segments[at];
    const last = [...inputs.rows.keys()].filter((r) => isLast(inputs.rows[r]));
    return {
      ...inputs,
      rows: Int32Array.from(last, (r) => inputs.rows[r]),
      targets: new Int32Array(last.length),
      weights: new Float32Array(last.length).fill(1),
      sources: Int32Array.from(last, (r) => inputs.sources[r]),
      divisor: batch.examples,
    };
  },
  loss: defineLoss({
    statistics: { reward: (row) => row.sum(row.logit) },
    loss: ({ statistics }) => {
      const reward = statistics.reward.sum("sequence");
      const margin = reward.member(0).sub(reward.member(1));
      return { loss: margin.logSigmoid().neg() };
    },
  }),
}), { sequences: 2 });

/** Two classes by cross-entropy, over a head of two columns: no loss of its own. */
testObjective("cross-entropy over a head of two columns", () => ({
  attention: "bidirectional",
  head: {
    name: "score.weight",
    columns: 2,
    init: { kind: "normal", std: 0.02 },
  },
  inputs: (batch, key) => {
    const inputs = layOutTargets(batch, key, { shift: 0 });
    return { ...inputs, targets: inputs.targets.map((id) => id % 2) };
  },
}));

Deno.test("numbers of the window are those of all micro-batches, and start again with the next step", async () => {
  await withEngine(againstWindow, async (engine) => {
    const inputs = pairs();
    const baselineOf = async (count: number, step: number) => {
      for (let i = 0; i < count; i++) engine.window(inputs);
      for (let i = 0; i < count; i++) engine.micro(inputs, 2 * count);
      engine.update({ learningRate: 0, step });
      const [{ metrics: { baseline } }] = await engine.results(1);
      return baseline.sum / baseline.weight;
    };
    const rows = inputs.rows.length;
    const once = await baselineOf(1, 1) * (rows + 1);
    const thrice = await baselineOf(3, 2) * (3 * rows + 1);
    const again = await baselineOf(1, 3) * (rows + 1);
    assert.ok(Math.abs(thrice / once - 3) < 1e-5, `${thrice} ${once}`);
    assert.equal(again, once);
  });
});

Deno.test("a loss that names members of groups is refused data without them", async () => {
  await withEngine(simpo, (engine) => {
    const { groups: _, ...inputs } = pairs();
    assert.throws(
      () => engine.micro(inputs, 2),
      /reads 2 sequences of each example; example 1 of a batch has 1/,
    );
    return Promise.resolve();
  });
});

Deno.test("a loss that measures what a run has already, or trains nothing, is refused", async () => {
  const named = (name: string): ObjectiveLoss => ({
    ...crossEntropy,
    loss: (values) => ({
      ...crossEntropy.loss(values),
      metrics: { [name]: { sum: values.weights } },
    }),
  });
  for (const name of ["loss", "token_accuracy", "Margin"]) {
    await assert.rejects(
      withEngine(named(name), () => Promise.resolve()),
      new RegExp(`The loss measures \`${name}\``),
    );
  }
  await assert.rejects(
    withEngine(
      defineLoss({
        statistics: { logProbability },
        loss: ({ weights }) => ({ loss: weights }),
      }),
      () => Promise.resolve(),
    ),
    /depends on none of its statistics/,
  );
});

const DEVICES: [string, () => Promise<Device> | Device][] = [
  ["reference", () => localDevice(new ReferenceExecutor())],
  ["cpu", () => openCpu({ blas: "off", workers: 2 })],
];

for (const [name, open] of DEVICES) {
  Deno.test(`minus the log-probability gives the loss and gradients of the fused cross-entropy, on ${name}`, async () => {
    const run = (loss: ObjectiveLoss | null) =>
      withEngine(loss, async (engine) => {
        engine.micro(pairs(), 2);
        const gradients = await gradientsOf(engine);
        engine.update({ learningRate: 0, step: 1 });
        const [{ lossSum, sourceLossSums }] = await engine.results(1);
        return { gradients, lossSum, sourceLossSums };
      }, open);
    const fused = await run(null);
    const own = await run(crossEntropy);
    assert.ok(Math.abs(own.lossSum - fused.lossSum) < 1e-5 * fused.lossSum);
    assert.ok(
      Math.abs(own.sourceLossSums[0] - fused.lossSum) < 1e-5 * fused.lossSum,
    );
    for (const [name, gradient] of Object.entries(fused.gradients)) {
      gradient.forEach((g, i) =>
        assert.ok(
          Math.abs(g - own.gradients[name][i]) < 2e-6,
          `${name}[${i}]: ${g} and ${own.gradients[name][i]}`,
        )
      );
    }
  });

  Deno.test(`a pairwise loss trains until the first of each pair is the likelier one, on ${name}`, async () => {
    await withEngine(simpo, async (engine) => {
      const steps = 30;
      for (let step = 1; step <= steps; step++) {
        engine.micro(pairs(), 2);
        engine.update({ learningRate: 1e-2, step });
      }
      const results = await engine.results(steps);
      const [first, last] = [results[0], results[steps - 1]];
      assert.ok(last.lossSum < first.lossSum / 4, String(last.lossSum));
      assert.deepEqual(last.metrics, { accuracy: { sum: 2, weight: 2 } });
      const sums = await engine.evaluate([pairs()]);
      assert.ok(sums.lossSum <= last.lossSum);
      assert.deepEqual(sums.metrics, { accuracy: { sum: 2, weight: 2 } });
    }, open);
  });
}
