/** `reduce-on-plateau` beside PyTorch's over random figures, and in runs that evaluate, stop and resume. */
import assert from "node:assert/strict";
import { reduceOnPlateau } from "../../../plugins/schedules/reduce_on_plateau.ts";
import { makePart } from "../../conformance/host.ts";
import { testSchedule } from "../../conformance/schedule.ts";
import cases from "../../golden/plateau.json" with { type: "json" };
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

const make = (options: Readonly<Record<string, unknown>>) =>
  makePart({ parts: [reduceOnPlateau] }, "schedule", options);

testSchedule("reduce-on-plateau", () => make({ warmup_steps: 3 }));

Deno.test("80 random sequences of evaluations give PyTorch's learning rates", async () => {
  const totalSteps = 1000;
  for (const [c, { options, values, factors }] of cases.entries()) {
    const schedule = await make(options);
    const evaluations = values.map((value, i) => ({
      step: 10 * (i + 1),
      value: value ?? NaN,
    }));
    factors.forEach((wanted, i) => {
      const found = schedule.factor(10 * (i + 1), {
        totalSteps,
        evaluations: evaluations.slice(0, i + 1),
      });
      assert.ok(
        Math.abs(found - wanted) <= 1e-12 * wanted,
        `case ${c}, evaluation ${i + 1}: ${found}, not ${wanted}`,
      );
    });
  }
});

Deno.test("evaluations of the warm-up do not count", async () => {
  const schedule = await make({ warmup_steps: 10, patience: 0, factor: 0.5 });
  const at = (step: number, steps: readonly number[]) =>
    schedule.factor(step, {
      totalSteps: 100,
      evaluations: steps.map((step) => ({ step, value: 1 })),
    });
  assert.equal(at(5, [2, 4]), 0.5);
  assert.equal(at(10, [2, 4, 10]), 1);
  assert.equal(at(20, [2, 4, 10, 12]), 0.5);
});

/** Nothing is learned, so no evaluation is better than the first. */
const config = (path: string, schedule: object = {}) =>
  tinyRun(path, {
    optimizer: { use: "adamw", learning_rate: 1e-9 },
    schedule: {
      use: "reduce-on-plateau",
      patience: 1,
      factor: 0.5,
      ...schedule,
    },
    data: {
      train: [{ rows: tinyRows(24), format: "alpaca" }],
      eval_fraction: 0.25,
    },
    training: { max_steps: 12, eval_steps: 2, save_steps: 2 },
  });

Deno.test("a run lowers its learning rate where evaluations stay the same, and a resumed one at the same steps", async () => {
  using folder = testFolder();
  const whole = await runConfig(config(folder.at("whole")));
  const rates = (run: typeof whole) =>
    run.of("step").map(({ learning_rate }) => learning_rate);
  const [first] = rates(whole);
  // evaluations at 2 (the best), 4, 6 (two without a gain), 8, 10
  assert.deepEqual(
    rates(whole).map((rate) => rate / first),
    [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25],
  );
  const stop = new AbortController();
  const before = await runConfig(config(folder.at("stopped")), {
    signal: stop.signal,
    onEvent: ({ event, step }) => {
      if (event === "step" && step === 7) stop.abort();
    },
  });
  const after = await runConfig(config(folder.at("stopped")));
  assert.deepEqual([...rates(before), ...rates(after)], rates(whole));
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
});

Deno.test("a run that does not measure the metric is refused before it trains", async () => {
  using folder = testFolder();
  const path = folder.at("run");
  await assert.rejects(
    runConfig(config(path, { metric: "eval_los" })),
    /schedule\.metric is eval_los, which no evaluation of this run gives; choose one of eval_loss/,
  );
  await assert.rejects(
    runConfig(config(path), {
      overrides: ["data.eval_fraction=0"],
    }),
    /schedule\.metric is eval_loss, but the run has no rows to evaluate on/,
  );
  await assert.rejects(
    runConfig(config(path), { overrides: ["training.eval_steps=null"] }),
    /depends on eval_loss, and training\.eval_steps is null/,
  );
});
