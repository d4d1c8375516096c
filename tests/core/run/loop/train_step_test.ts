/**
 * A step of one of several ranks: what waits for what.
 */
import assert from "node:assert/strict";
import { Engine } from "../../../../core/engine/engine.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import { runStep } from "../../../../core/run/loop/train_step.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { llamaArchitecture } from "../../../conformance/model/architectures.ts";
import { layOutLines } from "../../../golden/_lines.ts";
import { TINY_LLAMA } from "../../../run_harness.ts";
import { trainRequest } from "../../../train_request.ts";
import { ranksInProcess } from "../_ranks.ts";

const INPUTS = layOutLines([[{ ids: [5, 6, 7, 8], labels: [5, 6, 7, 8] }]]);

Deno.test("a rank that shows its last micro-batch sums gradients meanwhile", async () => {
  await using device = await openCpu({ blas: "off", workers: 1 });
  const spec = llamaArchitecture.describe(TINY_LLAMA);
  const request = trainRequest(spec, {
    train: { B: 1, T: 4, fewestSummed: 1 },
  });
  await using engine = await Engine.open(
    planEngine(request, device.info),
    device,
  );
  const [alone] = ranksInProcess(1);
  const order: string[] = [];
  const collective = {
    ...alone,
    world: 2,
    sum: () => {
      order.push("sum");
      return Promise.resolve();
    },
  };
  const micro = [INPUTS, INPUTS];
  const update = { learningRate: 1e-3, step: 1 };
  await runStep({ engine, collective }, micro, update, async () => {
    // whoever shows it waits for the device
    for (let i = 0; i < 100 && order.length === 0; i++) {
      await engine.session.idle();
    }
    order.push("shown");
  });
  assert.ok(order.indexOf("shown") > 0);
  // and the update waits for both
  assert.equal((await engine.results(1)).length, 1);
});
