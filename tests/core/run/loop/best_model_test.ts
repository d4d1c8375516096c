/**
 * The best evaluation and early stopping: the rules of transformers, and runs that overfit on purpose.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { RunInput } from "../../../../core/config/types.ts";
import {
  addEvaluation,
  type BestModelSettings,
  type BestSoFar,
  isPatienceSpent,
} from "../../../../core/run/loop/best_model.ts";
import { listCheckpoints } from "../../../../core/run/saving/checkpoint.ts";
import { readJsonObject } from "../../../../core/io/json_file.ts";
import best from "../../../golden/best_model.json" with { type: "json" };
import {
  type RanRun,
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

Deno.test("best steps and early stops are those of transformers' trainer in 300 random runs", () => {
  for (const [i, given] of best.cases.entries()) {
    const settings: BestModelSettings = {
      load_best_model_at_end: true,
      metric_for_best_model: given.metric,
      greater_is_better: given.greater_is_better,
      early_stopping_patience: given.patience,
      early_stopping_threshold: given.threshold,
    };
    const soFar: BestSoFar = { best: null, withoutGain: 0 };
    let stopped = 0;
    for (const [at, value] of given.values.entries()) {
      stopped = at + 1;
      const metrics = { [`eval_${given.metric.replace("eval_", "")}`]: value };
      addEvaluation(soFar, { step: stopped, metrics }, settings);
      if (isPatienceSpent(soFar, settings)) break;
    }
    assert.deepEqual(
      { stopped, best: soFar.best?.step ?? null },
      { stopped: given.stopped, best: given.best },
      `case ${i}: ${JSON.stringify(given)}`,
    );
  }
});

/** A run that learns its few rows by heart. */
function overfits(
  outputDir: string,
  training: RunInput["training"] = {},
  more: Partial<RunInput> = {},
): RunInput {
  return tinyRun(outputDir, {
    optimizer: { use: "adamw", learning_rate: 1e-2 },
    ...more,
    data: {
      train: [{ rows: tinyRows(24), format: "alpaca" }],
      eval: [{ rows: tinyRows(16, 2), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      ...more.data,
    },
    training: {
      epochs: 30,
      batch_size: 8,
      eval_steps: "epoch",
      load_best_model_at_end: true,
      early_stopping_patience: 3,
      ...training,
    },
  });
}

const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

const lossesOf = (ran: RanRun) =>
  ran.of("eval").map(({ step, eval_loss }) => ({
    step,
    loss: eval_loss ?? NaN,
  }));

const lowest = (evaluations: ReturnType<typeof lossesOf>) =>
  evaluations.reduce((a, b) => b.loss < a.loss ? b : a);

/** The evaluation loss of a saved model, on the rows of {@linkcode overfits}. */
async function evaluatedAnew(path: string, at: string): Promise<number | null> {
  const ran = await runConfig({
    ...overfits(at, {
      max_steps: 1,
      eval_on_start: true,
      load_best_model_at_end: false,
    }),
    model: { path },
  });
  return ran.of("eval")[0].eval_loss;
}

Deno.test("a run that overfits stops within its patience and leaves the model of lowest evaluation loss", async () => {
  using folder = testFolder();
  const ran = await runConfig(overfits(folder.at("a")));
  const losses = lossesOf(ran);
  const found = lowest(losses);
  assert.ok(losses.length < 30, "it did not stop early");
  assert.equal(losses.length, losses.indexOf(found) + 1 + 3);
  assert.equal(ran.result.status, "done");
  assert.equal(ran.result.bestStep, found.step);
  assert.equal(ran.result.metrics.eval_loss, found.loss);
  const kept = folder.at("a", `checkpoint-${found.step}`);
  assert.equal(await evaluatedAnew(folder.at("a"), folder.at("b")), found.loss);
  assert.equal(await evaluatedAnew(kept, folder.at("c")), found.loss);
  const summary = readJsonObject(folder.at("a", "summary.json"));
  assert.equal(summary?.best_global_step, found.step);
  assert.equal(summary?.best_metric, found.loss);
  assert.equal(summary?.best_model_checkpoint, `checkpoint-${found.step}`);
  const said = ran.of("notice").map(({ message }) => message).join("\n");
  assert.match(said, /stopped early at step \d+: 3 evaluations in a row/);
  assert.match(said, new RegExp(`is that of checkpoint-${found.step}$`));
});

Deno.test("save_total_limit keeps the best checkpoint besides the newest", async () => {
  using folder = testFolder();
  const ran = await runConfig(overfits(folder.at("a"), {
    early_stopping_patience: null,
    epochs: 12,
    save_steps: 2,
    save_total_limit: 1,
  }));
  const found = lowest(lossesOf(ran));
  assert.deepEqual(
    listCheckpoints(folder.at("a")).map(({ step }) => step),
    [found.step, 34],
  );
});

Deno.test("without load_best_model_at_end a run that stops early keeps its last weights", async () => {
  using folder = testFolder();
  const training = { load_best_model_at_end: false };
  const ran = await runConfig(overfits(folder.at("a"), training));
  const last = lossesOf(ran).at(-1);
  assert.ok(ran.result.steps < 90);
  assert.equal(ran.result.metrics.eval_loss, last?.loss);
  assert.notEqual(ran.result.bestStep, last?.step);
  assert.deepEqual(listCheckpoints(folder.at("a")), []);
});

Deno.test("the averages of ema are what is evaluated, chosen and saved", async () => {
  using folder = testFolder();
  const more: Partial<RunInput> = {
    optimizer: {
      use: "ema",
      of: { use: "adamw", learning_rate: 1e-2 },
      decay: 0.8,
    },
  };
  const ran = await runConfig(overfits(folder.at("a"), {}, more));
  const found = lowest(lossesOf(ran));
  assert.ok(found.step < ran.result.steps);
  assert.equal(await evaluatedAnew(folder.at("a"), folder.at("b")), found.loss);
});

Deno.test("a run that is stopped and resumed at many moments makes the same choice, bit for bit", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    overfits(folder.at(name), { save_total_limit: 1 }, {
      adapter: { use: "lora", r: 4 },
      samples: { prompts: ["ab"], at: ["eval"] },
      generation: { max_new_tokens: 4 },
    });
  const whole = await runConfig(config("whole"));
  const moments = LONG ? 10 : 4;
  let stops = 0;
  let result: RanRun["result"];
  const losses: ReturnType<typeof lossesOf> = [];
  const samples: string[] = [];
  for (let attempt = 0;; attempt++) {
    const controller = new AbortController();
    let seen = 0;
    const ran = await runConfig(config("stopped"), {
      signal: controller.signal,
      // in steps, in evaluations, and while a checkpoint is written
      onEvent: ({ event }) => {
        const counts = event === "step" || event === "save" ||
          event === "progress";
        if (counts && ++seen === 2 + attempt % 3 && stops < moments) {
          stops++;
          controller.abort();
        }
      },
    });
    losses.push(...lossesOf(ran));
    samples.push(...ran.of("sample").map(({ text }) => text));
    result = ran.result;
    if (result.status === "done") break;
  }
  assert.equal(stops, moments);
  assert.deepEqual(losses, lossesOf(whole));
  assert.deepEqual(samples, whole.of("sample").map(({ text }) => text));
  assert.equal(result.bestStep, whole.result.bestStep);
  assert.deepEqual(result.metrics, {
    ...whole.result.metrics,
    eval_seconds: result.metrics.eval_seconds,
  });
  const adapter = (name: string) =>
    Deno.readFileSync(folder.at(name, "adapter_model.safetensors"));
  assert.deepEqual(adapter("stopped"), adapter("whole"));
});

Deno.test("a run that resumes in another folder brings its best checkpoint along", async () => {
  using folder = testFolder();
  const training = { save_steps: 1, save_total_limit: null };
  const whole = await runConfig(overfits(folder.at("whole"), training));
  const { bestStep, steps } = whole.result;
  assert.ok(bestStep !== null && bestStep < steps - 1);
  const resume = folder.at("whole", `checkpoint-${steps - 1}`);
  const resumed = await runConfig(overfits(folder.at("new"), training), {
    overrides: [`training.resume=${resume}`],
  });
  assert.equal(resumed.result.bestStep, bestStep);
  assert.ok(existsSync(folder.at("new", `checkpoint-${bestStep}`)));
  assert.deepEqual(
    weightBytes(folder.at("new")),
    weightBytes(folder.at("whole")),
  );
  Deno.removeSync(folder.at("whole", `checkpoint-${bestStep}`), {
    recursive: true,
  });
  await assert.rejects(
    runConfig(overfits(folder.at("other"), training), {
      overrides: [`training.resume=${resume}`],
    }),
    {
      name: "DataError",
      message: /best model so far is that of step \d+, and .* is gone/,
    },
  );
});

Deno.test("a metric that no evaluation gives is refused before training, and the names are shown", async () => {
  using folder = testFolder();
  await assert.rejects(
    runConfig(overfits(folder.at("a"), { metric_for_best_model: "accuracy" })),
    {
      name: "ConfigError",
      message:
        /metric_for_best_model is eval_accuracy, which no evaluation of this run gives; choose one of eval_loss, eval_perplexity, eval_token_accuracy$/,
    },
  );
  const config = overfits(folder.at("a"));
  await assert.rejects(
    runConfig({ ...config, data: { ...config.data, eval: [] } }),
    {
      name: "ConfigError",
      message: /no rows to evaluate on: set data\.eval_fraction/,
    },
  );
  await assert.rejects(
    runConfig(overfits(folder.at("a"), { eval_steps: null })),
    {
      name: "ConfigError",
      message: /load_best_model_at_end` needs evaluations/,
    },
  );
  assert.ok(!existsSync(folder.at("a")));
});

Deno.test("an evaluator's figure chooses too, the largest unless the run says otherwise", async () => {
  using folder = testFolder();
  const ran = await runConfig(overfits(folder.at("a"), {
    metric_for_best_model: "token_accuracy",
  }));
  const found = ran.of("eval").map((e) => e.eval_token_accuracy ?? NaN);
  assert.equal(ran.result.metrics.eval_token_accuracy, Math.max(...found));
});

Deno.test("samples are answered at each evaluation where the run asks for it", async () => {
  using folder = testFolder();
  const ran = await runConfig(overfits(folder.at("a"), { epochs: 2 }, {
    samples: { prompts: ["ab", "cd"], at: ["start", "eval", "end"] },
    generation: { max_new_tokens: 3 },
  }));
  assert.deepEqual(
    ran.of("sample").map(({ at, step, index }) => `${at} ${step} ${index}`),
    [
      "start 0 0",
      "start 0 1",
      "eval 3 0",
      "eval 3 1",
      "eval 6 0",
      "eval 6 1",
      "end 6 0",
      "end 6 1",
    ],
  );
});
