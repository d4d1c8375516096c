/** Optimizers by graph: states of a shape and storage of their own, placed, updated, saved and restored. */
import assert from "node:assert/strict";
import {
  choose,
  definePart,
  input,
  type Optimizer,
  rows,
  spaceOf,
  type TrainedTensor,
} from "@denotune/denotune/core";
import { z } from "zod";
import { reduce, value, write } from "../../../../core/graph/expression.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import { SafetensorsFile } from "../../../../core/io/read_safetensors.ts";
import { bf16ToF32, f32ToBf16 } from "../../../../core/io/half.ts";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { withAverage } from "../../../../plugins/optimizers/running_average.ts";
import { sgdRule } from "../../../../plugins/optimizers/sgd_rule.ts";
import { testOptimizer } from "../../../conformance/optimizer.ts";
import { trainSteps } from "../../../conformance/optimizer/steps.ts";
import {
  runConfig,
  testFolder,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

const sgd = sgdRule({
  learning_rate: 0.01,
  momentum: 0.9,
  nesterov: false,
  weight_decay: 0,
  decay_norm_and_bias: false,
});

/** Matrices are divided by a running root mean square of each row, which is all that is kept of them. */
function byRow(dtype: "f32" | "bf16" | "f16"): Optimizer {
  return {
    ...sgd,
    tensorUpdate: ({ shape }: TrainedTensor) =>
      shape.length !== 2 ? null : {
        states: { row: { shape: [shape[0]], dtype } },
        update({ graph, parameter, gradient, states, map }) {
          const square = input(0).mul(input(0));
          const [row, scaled] = rows(
            graph,
            [gradient, states.row],
            spaceOf(gradient),
            {
              inputs: ["matrix", "column"],
              stages: [
                reduce("sum", "squares", square),
                {
                  kind: "let",
                  name: "mean",
                  be: input(1).mul(0.5)
                    .add(value("squares").mul(0.5 / shape[1])).node,
                },
                write(0, value("mean")),
                write(1, input(0).div(value("mean").sqrt().add(1e-6))),
              ],
              outputs: ["column", "matrix"],
            },
          );
          const after = map(
            [parameter, scaled],
            ([p, s], { learningRate }) => p.sub(learningRate.mul(s)),
          );
          return { parameter: after, states: { row } };
        },
      },
  };
}

testOptimizer("a rule with a state a row", () => byRow("bf16"));
testOptimizer(
  "ema of a rule with a state a row",
  () => withAverage(byRow("f32"), { decay: 0.9, use_average: true }),
);

for (const dtype of ["f32", "bf16", "f16"] as const) {
  Deno.test(`a state a row in ${dtype} is what arithmetic makes of it, rounded as it is stored`, async () => {
    await using device = localDevice(new ReferenceExecutor());
    const tensors = [
      { name: "w", shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) },
      { name: "b", shape: [2], values: Float32Array.of(0, 1) },
    ];
    const gradients = {
      w: Float32Array.of(0.3, 0.1, -0.2, 1, 2, -3),
      b: Float32Array.of(1, 1),
    };
    const steps = [0, 1].map(() => ({ gradients, learningRate: 0.1 }));
    const found = await trainSteps(byRow(dtype), { tensors, steps, device });
    const rounded = (x: number): number =>
      dtype === "f32"
        ? Math.fround(x)
        : dtype === "f16"
        ? Math.f16round(x)
        : bf16ToF32(f32ToBf16(Float32Array.of(x)))[0];
    const means = [0.14 / 3, 14 / 3];
    const first = means.map((mean) => rounded(0.5 * mean));
    const second = means.map((mean, r) => rounded(0.5 * first[r] + 0.5 * mean));
    const near = (a: ArrayLike<number> | undefined, b: readonly number[]) =>
      b.forEach((x, i) => assert.ok(Math.abs((a?.[i] ?? NaN) - x) < 1e-6 * x));
    near(found[0].get("row:w"), first);
    near(found[1].get("row:w"), second);
    assert.equal(found[1].get("row:w")?.length, 2);
    // vectors are left to the expressions, whose state has their shape
    near(found[1].get("momentum:b"), [1.9, 1.9]);
    assert.equal(found[1].has("momentum:w"), false);
  });
}

Deno.test("a run whose states have shapes of their own saves them, and goes on bit for bit", async () => {
  const part = definePart({
    kind: "optimizer",
    name: "by-row",
    description: "Root mean squares of rows",
    options: z.strictObject({}),
    create: () => withAverage(byRow("bf16"), { decay: 0.8, use_average: true }),
  });
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), {
      optimizer: choose(part, {}),
      training: { max_steps: 4, save_steps: 2 },
    });
  await runConfig(config("whole"));
  using saved = new SafetensorsFile(
    folder.at("whole", "checkpoint-2", "optimizer.safetensors"),
  );
  const name = "model.layers.0.mlp.up_proj.weight";
  assert.deepEqual(saved.tensors.get(`row:${name}`)?.shape, [48]);
  assert.deepEqual(saved.tensors.get(`ema:${name}`)?.shape, [48, 32]);
  const stop = new AbortController();
  await runConfig(config("broken"), {
    signal: stop.signal,
    onEvent: (e) => e.event === "step" && e.step === 2 && stop.abort(),
  });
  await runConfig(config("broken"));
  assert.deepEqual(
    weightBytes(folder.at("broken")),
    weightBytes(folder.at("whole")),
  );
});
