/**
 * What a run makes and what it does not: after compiling, nothing but commands.
 */
import { loadWeights } from "../../../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../../../core/io/model_folder.ts";
import assert from "node:assert/strict";

import { localDevice } from "../../../../core/device/local_device.ts";
import { Engine } from "../../../../core/engine/engine.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import type { WebGpuExecutor } from "../../../../backends/webgpu/mod.ts";
import { fold } from "../../../../backends/webgpu/runtime/replay.ts";
import { llamaArchitecture } from "../../../conformance/model/architectures.ts";
import { makeInputs } from "../../../bench/webgpu_support.ts";
import { missing, openExecutor, title } from "../_device.ts";
import { trainRequest } from "../../../train_request.ts";

const ignore = missing !== null;
const MODEL =
  new URL("../../../golden/models/llama-gqa-untied", import.meta.url)
    .pathname;

async function openEngine(
  executor: WebGpuExecutor,
): Promise<{ engine: Engine; vocabulary: number }> {
  const device = localDevice(executor);
  using files = openModelFolder(MODEL);
  const spec = llamaArchitecture.describe(files.config);
  const planned = planEngine(
    trainRequest(spec, { train: { B: 3, T: 24 } }),
    device.info,
  );
  const engine = await Engine.open(planned, device);
  await loadWeights(files, { spec, weights: planned.inventory.weights }, {
    dtypeOf: () => "f32",
    sink: ({ name, start, data }) => engine.session.write(name, data, start),
  });
  return { engine, vocabulary: spec.vocabSize };
}

Deno.test({
  name: title(
    "webgpu makes no buffer, bind group or pipeline after the first step, whatever the extents",
  ),
  ignore,
  async fn() {
    const executor = await openExecutor();
    try {
      const { engine, vocabulary } = await openEngine(executor);
      const step = async (B: number, T: number, n: number) => {
        const inputs = makeInputs({ B, T, vocabulary });
        engine.micro(inputs, inputs.divisor);
        engine.update({ learningRate: 1e-3, step: n });
        return (await engine.results(1))[0].lossSum / inputs.divisor;
      };
      await step(3, 24, 1);
      const before = { ...executor.counters };
      let n = 1;
      for (const T of [24, 7, 1, 16, 23]) {
        for (const B of [1, 3]) {
          assert.ok(Number.isFinite(await step(B, T, ++n)), `B=${B} T=${T}`);
        }
      }
      const after = executor.counters;
      for (const key of ["buffers", "bindGroups", "pipelines"] as const) {
        assert.equal(after[key], before[key], key);
      }
      // micro and update, and one copy for each reading of the ring
      assert.equal(after.submits - before.submits, 3 * (n - 1));
      assert.equal(after.passes - before.passes, 2 * (n - 1));
      assert.ok(after.dispatches > before.dispatches);
    } finally {
      executor.close();
    }
  },
});

Deno.test({
  name: title("the memory plan equals the bytes that webgpu allocates"),
  ignore,
  async fn() {
    const executor = await openExecutor();
    try {
      const { engine } = await openEngine(executor);
      assert.equal(
        executor.counters.allocatedBytes,
        engine.planned.report.total,
      );
      assert.ok(executor.counters.ownBytes < 2 ** 21); // sizes, scratch, readings
    } finally {
      executor.close();
    }
  },
});

Deno.test({
  name: title("webgpu's profile names kernels and counts what was done"),
  ignore,
  async fn() {
    const executor = await openExecutor({ profile: true });
    try {
      const { engine, vocabulary } = await openEngine(executor);
      const inputs = makeInputs({ B: 2, T: 8, vocabulary });
      await engine.session.device.profile?.();
      engine.micro(inputs, inputs.divisor);
      engine.micro(inputs, inputs.divisor);
      const times = await engine.session.device.profile?.() ?? [];
      const counted = (label: string) =>
        times.find((t) => t.kernel === "(counted)" && t.label === label)
          ?.calls;
      assert.equal(counted("runs"), 2);
      assert.equal(counted("bindGroups"), 0);
      const kernels = times.filter((t) => t.kernel !== "(counted)");
      if (kernels.length > 0) { // the adapter has timestamps
        const calls = kernels.reduce((sum, t) => sum + t.calls, 0);
        assert.equal(calls, counted("dispatches"));
        assert.ok(kernels.some((t) => /^matmul/.test(t.kernel)));
        assert.ok(kernels.some((t) => /down_proj/.test(t.label)));
        assert.ok(kernels.every((t) => t.seconds >= 0));
      }
    } finally {
      executor.close();
    }
  },
});

Deno.test({
  name: title(
    "a step whose grids are folded has the bits of one whose are not",
  ),
  ignore,
  async fn() {
    const step = async (maxGroups: number) => {
      const executor = await openExecutor({}, { maxGroups });
      try {
        const { engine, vocabulary } = await openEngine(executor);
        const inputs = makeInputs({ B: 3, T: 24, vocabulary });
        engine.micro(inputs, inputs.divisor);
        engine.update({ learningRate: 1e-3, step: 1 });
        const [{ lossSum, gradNorm }] = await engine.results(1);
        return [lossSum, gradNorm];
      } finally {
        executor.close();
      }
    };
    assert.deepEqual(await step(3), await step(65535));
  },
});

Deno.test("grids beyond the largest dimension are folded, with no group left out", () => {
  for (const groups of [1, 65535, 65536, 65537, 10 ** 6, 2 ** 31]) {
    const [x, y] = fold(groups, 65535);
    assert.ok(x <= 65535 && y <= 65535 && x * y >= groups, `${groups}`);
    assert.ok(x * y - groups < x + y, `${groups}: ${x} x ${y}`);
  }
});
