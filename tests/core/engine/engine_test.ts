/**
 * The engine by itself: what a micro-batch without a label does, and the ring of results.
 */
import { initialWeights } from "../../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import type { Inputs } from "../../../core/contracts/objective.ts";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { RING_SLOTS } from "../../../core/engine/update/step_ring.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { layOutLines } from "../../golden/_lines.ts";
import { TINY_LLAMA } from "../../run_harness.ts";
import { trainRequest } from "../../train_request.ts";

const ROWS = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]];

function batch(rows: readonly number[][], labelled = true): Inputs {
  return layOutLines(
    rows.map((ids) => [{ ids, labels: ids.map((id) => labelled ? id : -100) }]),
  );
}

async function withEngine<T>(
  body: (engine: Engine) => Promise<T>,
): Promise<T> {
  await using device = await openCpu({ blas: "off", workers: 1 });
  const planned = planEngine(
    trainRequest(llamaArchitecture.describe(TINY_LLAMA), {
      train: { B: 2, T: 8 },
    }),
    device.info,
  );
  await using engine = await Engine.open(planned, device);
  for (const w of planned.inventory.weights) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  return await body(engine);
}

async function trained(engine: Engine): Promise<Float32Array[]> {
  const found: Float32Array[] = [];
  for (const { name } of engine.planned.inventory.weights) {
    found.push(await engine.readTrained(name));
  }
  return found;
}

Deno.test("a micro-batch without a label changes neither loss nor gradient, bit for bit", async () => {
  const step = (withEmpty: boolean) =>
    withEngine(async (engine) => {
      const inputs = batch(ROWS);
      const empty = batch(ROWS, false);
      assert.equal(empty.divisor, 0);
      if (withEmpty) engine.micro(empty, inputs.divisor);
      engine.micro(inputs, inputs.divisor);
      if (withEmpty) engine.micro(empty, inputs.divisor);
      engine.update({ learningRate: 1e-3, step: 1 });
      return {
        results: await engine.results(1),
        weights: await trained(engine),
      };
    });
  assert.deepEqual(await step(true), await step(false));
});

Deno.test("a step without any label has loss 0 and norm 0, and leaves the weights as they are", async () => {
  await withEngine(async (engine) => {
    const before = await trained(engine);
    engine.micro(batch(ROWS, false), 1);
    engine.update({ learningRate: 1e-3, step: 1 });
    const [result] = await engine.results(1);
    assert.deepEqual(
      [result.lossSum, result.correctSum, result.gradNorm, result.finite],
      [0, 0, 0, true],
    );
    assert.deepEqual(await trained(engine), before);
  });
});

Deno.test("results of more steps than the ring has slots come back in order", async () => {
  await withEngine(async (engine) => {
    const inputs = batch(ROWS);
    const found: number[] = [];
    const all: number[] = [];
    for (let step = 1; step <= RING_SLOTS + 40; step++) {
      engine.micro(inputs, inputs.divisor);
      engine.update({ learningRate: 1e-3, step });
      if (step % 37 === 0) {
        found.push(...(await engine.results(37)).map((r) => r.lossSum));
      }
    }
    await withEngine(async (other) => {
      for (let step = 1; step <= found.length; step++) {
        other.micro(inputs, inputs.divisor);
        other.update({ learningRate: 1e-3, step });
        all.push((await other.results(1))[0].lossSum);
      }
    });
    assert.equal(found.length, 296);
    assert.deepEqual(found, all);
    assert.ok(found[295] < found[0] / 10);
  });
});
