/** Schedule-free AdamW beside its authors', and that a run has no other schedule and saves the average. */
import assert from "node:assert/strict";
import { scheduleFree } from "../../../plugins/optimizers/schedule_free.ts";
import { makePart } from "../../conformance/host.ts";
import { testOptimizer } from "../../conformance/optimizer.ts";
import { testSteps } from "../../golden/_optimizer_steps.ts";
import golden from "../../golden/schedule_free.json" with { type: "json" };
import { join } from "node:path";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";

const make = (options: Readonly<Record<string, unknown>>) =>
  makePart({ parts: [scheduleFree] }, "optimizer", options);

testOptimizer("schedule-free", () => make({}));
testOptimizer("schedule-free with a warm-up", () => make({ warmup_steps: 4 }));
testSteps("schedule-free", golden, {
  witness: "its authors",
  make: (options) => make({ decay_norm_and_bias: true, ...options }),
  tolerance: 5e-6,
});

const optimizer = { use: "schedule-free", learning_rate: 0.01 };

Deno.test("a schedule beside schedule-free is refused, with what to set", async () => {
  using folder = testFolder();
  for (
    const schedule of [
      "linear",
      { use: "constant", warmup_steps: 2 },
    ]
  ) {
    await assert.rejects(
      runConfig(tinyRun(folder.path, { optimizer, schedule })),
      /warm-up of its own and averages its steps.*set schedule: constant/,
    );
  }
});

/** A file's tensors by name. */
function tensorsOf(path: string): Map<string, Float32Array> {
  using file = new SafetensorsFile(path);
  return new Map([...file.tensors].map(([name, t]) => [name, t.read()]));
}

Deno.test("a run of schedule-free that stopped goes on bit for bit, and saves the average", async () => {
  using folder = testFolder();
  const config = (name: string, max_steps: number) =>
    tinyRun(folder.at(name), {
      optimizer: { ...optimizer, warmup_steps: 3 },
      schedule: "constant",
      training: { max_steps, save_steps: 4, batch_size: 2 },
    });
  await runConfig(config("whole", 8));
  const stop = new AbortController();
  await runConfig(config("stopped", 8), {
    signal: stop.signal,
    onEvent: ({ event, step }) => {
      if (event === "step" && step === 5) stop.abort();
    },
  });
  await runConfig(config("stopped", 8));
  const weights = (name: string) =>
    tensorsOf(folder.at(name, "model.safetensors"));
  assert.deepEqual(weights("stopped"), weights("whole"));
  // a longer run is at the same place after 8 steps, because no schedule asks for the end
  await runConfig(config("longer", 9));
  const trained = weights(join("longer", "checkpoint-8"));
  const states = tensorsOf(
    folder.at("longer", "checkpoint-8", "optimizer.safetensors"),
  );
  for (const [name, values] of weights("whole")) {
    assert.deepEqual(values, states.get(`average:${name}`), name);
    assert.notDeepEqual(values, trained.get(name), name);
  }
});
