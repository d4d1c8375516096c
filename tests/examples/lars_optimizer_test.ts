/** The example `lars_optimizer`: its suite, timm's numbers on every backend, and a run that is resumed. */
import assert from "node:assert/strict";
import plugin from "../../examples/lars_optimizer/lars.ts";
import { creatingWith } from "../../core/config/parts/create_part.ts";
import type { Optimizer } from "@denotune/denotune/core";
import { openRegistry } from "../../core/config/parts/open_registry.ts";
import { builtIn } from "../../plugins/library.ts";
import { testOptimizer } from "../conformance/optimizer.ts";
import golden from "../golden/lars.json" with { type: "json" };
import { fromFileUrl } from "../files.ts";
import { loadRun } from "../../core/config/load.ts";
import { callbackTracker } from "../../core/run/callback_tracker.ts";
import { trainRun } from "../../core/run/run.ts";
import { testFolder, weightBytes } from "../run_harness.ts";
import { testSteps } from "../golden/_optimizer_steps.ts";

const registry = await openRegistry(builtIn);
const { host } = creatingWith(registry);
const file = new URL("../../examples/lars_optimizer/", import.meta.url);

async function lars(options: object = {}): Promise<Optimizer> {
  const [part] = plugin.parts;
  const checked = await part.options["~standard"].validate(options);
  assert.ok(checked.issues === undefined);
  const made = await part.create(checked.value, host);
  assert.ok("tensorUpdate" in made);
  return made;
}

testOptimizer("lars", () => lars({ trust: 1 }));

testSteps("the example lars", golden, {
  witness: "timm",
  make: lars,
  tolerance: 5e-6,
});

Deno.test("the example's run file trains, and a run that stopped goes on bit for bit", async () => {
  using folder = testFolder();
  const train = async (name: string, overrides: string[], stopAt?: number) => {
    const stop = new AbortController();
    const run = await loadRun({
      file: fromFileUrl(new URL("run.yaml", file)),
      registry: await openRegistry(builtIn),
      overrides: [
        `output_dir=${folder.at(name)}`,
        "backend={use: cpu, blas: off, workers: 1}",
        "training.eval_steps=null",
        "training.save_steps=null",
        "trackers=[]",
        "samples.at=[]",
        ...overrides,
      ],
    });
    const losses: number[] = [];
    await trainRun(run, {
      signal: stop.signal,
      trackers: [callbackTracker((event) => {
        if (event.event !== "step") return;
        losses.push(event.loss ?? NaN);
        if (event.step === stopAt) stop.abort();
      })],
    });
    return losses;
  };
  const whole = await train("whole", []);
  assert.ok(whole[whole.length - 1] < whole[0], `${whole}`);
  await train("broken", [], 2);
  await train("broken", []);
  assert.deepEqual(
    weightBytes(folder.at("broken")),
    weightBytes(folder.at("whole")),
  );
});
