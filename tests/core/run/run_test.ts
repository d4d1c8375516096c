/**
 * What a run does besides stepping: lengths, evaluation rows, samples, checkpoints kept, interrupts, and
 * numbers that are none.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { TrackerEvent } from "../../../core/contracts/tracker.ts";
import {
  builtinRegistry,
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";
import { loadRun } from "../../../core/config/load.ts";
import { trainRun } from "../../../core/run/run.ts";

const PLAIN = { use: "plain", separator: "\n" } as const;

Deno.test("epochs and max_steps bound a run; the last window of an epoch may be short", async () => {
  using folder = testFolder();
  const run = (
    name: string,
    training: { epochs: number; max_steps?: number },
  ) =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        train: [{ rows: tinyRows(22), format: "alpaca" }],
        template: PLAIN,
      },
      training: { ...training, batch_size: 4, gradient_accumulation_steps: 2 },
    }));
  const two = await run("two", { epochs: 2 });
  assert.equal(two.result.steps, 6); // 8 + 8 + 6 rows, twice
  assert.deepEqual(two.of("epoch").map((e) => e.epoch), [1, 2]);
  const [start] = two.of("start");
  assert.equal(
    two.of("end")[0].total_trained_tokens,
    2 * (start.trained_tokens ?? NaN),
  );
  const bounded = await run("bounded", { epochs: 2, max_steps: 4 });
  assert.equal(bounded.result.steps, 4);
  assert.deepEqual(bounded.losses, two.losses.slice(0, 4));
  const longer = await run("longer", { epochs: 1, max_steps: 5 });
  assert.equal(longer.result.steps, 5); // max_steps beyond the epochs goes on
});

Deno.test("an epoch's loss is the mean over its trained tokens", async () => {
  using folder = testFolder();
  const { of } = await runConfig(tinyRun(folder.at("a"), {
    training: { epochs: 2, logging_steps: 1 },
  }));
  const steps = of("step");
  of("epoch").forEach((epoch, i) => {
    const within = steps.slice(16 * i, 16 * i + 16);
    const tokens = within.reduce((n, s) => n + s.trained_tokens, 0);
    const sum = within.reduce(
      (n, s) => n + s.trained_tokens * (s.loss ?? NaN),
      0,
    );
    assert.equal(epoch.trained_tokens, tokens);
    assert.ok(Math.abs((epoch.epoch_loss ?? NaN) / (sum / tokens) - 1) < 1e-9);
  });
});

Deno.test("a logged loss is that of all steps since the last one, by token", async () => {
  using folder = testFolder();
  const run = (name: string, logging_steps: number) =>
    runConfig(tinyRun(folder.at(name), { training: { logging_steps } }));
  const each = (await run("each", 1)).of("step");
  const some = (await run("some", 5)).of("step");
  assert.deepEqual(some.map((s) => s.step), [5, 10, 15, 16]);
  let from = 0;
  for (const s of some) {
    const within = each.slice(from, s.step);
    from = s.step;
    const tokens = within.reduce((n, e) => n + e.trained_tokens, 0);
    const sum = within.reduce(
      (n, e) => n + e.trained_tokens * (e.loss ?? NaN),
      0,
    );
    assert.equal(s.trained_tokens, tokens);
    assert.ok(Math.abs((s.loss ?? NaN) / (sum / tokens) - 1) < 1e-9);
  }
});

Deno.test("eval_fraction holds rows out: the same every time, duplicates on one side, never trained", async () => {
  using folder = testFolder();
  const rows = tinyRows(60);
  const run = (name: string, data: readonly unknown[]) =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        train: [{ rows: data, format: "alpaca" }],
        template: PLAIN,
        eval_fraction: 0.25,
      },
      training: { max_steps: 2, eval_on_start: true },
    }));
  const once = await run("once", rows);
  const twice = await run("twice", [...rows, ...rows]);
  const [first, second] = [once.of("start")[0], twice.of("start")[0]];
  assert.ok(first.eval_rows > 5 && first.eval_rows < 25, `${first.eval_rows}`);
  assert.equal(second.eval_rows, 2 * first.eval_rows);
  assert.equal(second.tokens, 2 * (first.tokens ?? NaN));
  const loss = (r: typeof once) => r.of("eval")[0].eval_loss ?? NaN;
  assert.ok(Math.abs(loss(once) / loss(twice) - 1) < 1e-6);
});

Deno.test("eval_holdout keeps whole categories out of training, beside a share of the others", async () => {
  using folder = testFolder();
  const rows = tinyRows(40).map((row, i) => ({
    ...row,
    category: ["poetry", "math", undefined][i % 3],
  }));
  const run = (name: string, data: Record<string, unknown>) =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        train: [{ rows, format: "alpaca" }],
        template: PLAIN,
        ...data,
      },
      training: { max_steps: 1 },
    }));
  const category = ["poetry"];
  const held = await run("a", { eval_holdout: { category } });
  assert.equal(held.of("start")[0].eval_rows, 14);
  assert.equal(held.of("start")[0].rows, 26);
  const both = await run("b", {
    eval_holdout: { category },
    eval_fraction: 0.3,
  });
  const { eval_rows, rows: trained } = both.of("start")[0];
  assert.ok(eval_rows > 14 && eval_rows + (trained ?? NaN) === 40);
  await assert.rejects(
    run("c", { eval_holdout: { category: ["Poetry"] } }),
    /none is held out, with eval_holdout \{"category":\["Poetry"\]\}/,
  );
});

Deno.test("evaluations come every eval_steps and at the end, and change no weight", async () => {
  using folder = testFolder();
  const run = (name: string, eval_steps: number | null) =>
    runConfig(tinyRun(folder.at(name), {
      data: {
        train: [{ rows: tinyRows(64), format: "alpaca" }],
        eval: [{ rows: tinyRows(10, 2), format: "alpaca" }],
        template: PLAIN,
      },
      evaluators: [{ use: "exact-match", max_new_tokens: 4 }],
      training: {
        max_steps: 10,
        eval_steps,
        eval_on_start: eval_steps !== null,
      },
    }));
  const often = await run("often", 3);
  const end = await run("end", null);
  assert.deepEqual(often.of("eval").map((e) => e.step), [0, 3, 6, 9, 10]);
  assert.deepEqual(end.of("eval").map((e) => e.step), [10]);
  for (const e of often.of("eval")) {
    assert.equal(e.eval_perplexity, Math.exp(e.eval_loss ?? NaN));
    assert.equal(typeof e.eval_exact_match, "number");
  }
  assert.equal(
    often.result.metrics.eval_loss,
    end.result.metrics.eval_loss,
  );
  assert.deepEqual(
    weightBytes(folder.at("often")),
    weightBytes(folder.at("end")),
  );
});

Deno.test("samples are asked before and after, and the saved model gives the last answers again", async () => {
  using folder = testFolder();
  const { of } = await runConfig(tinyRun(folder.at("a"), {
    samples: { prompts: ["abc", "hg"] },
    generation: { max_new_tokens: 12, temperature: 0 },
    training: { epochs: 3 },
  }));
  const samples = of("sample");
  assert.deepEqual(
    samples.map((s) => [s.at, s.index, s.prompt]),
    [
      ["start", 0, "abc"],
      ["start", 1, "hg"],
      ["end", 0, "abc"],
      ["end", 1, "hg"],
    ],
  );
  assert.notDeepEqual(
    samples.slice(0, 2).map((s) => s.text),
    samples.slice(2).map((s) => s.text),
  );
  const { loadModel } = await import("@denotune/denotune");
  await using model = await loadModel(folder.at("a"), { backend: "cpu" });
  for (const { prompt, text } of samples.slice(2)) {
    const answer = await model.generate(prompt, { maxNewTokens: 12 });
    assert.equal(answer.text, text);
  }
});

Deno.test("save_total_limit keeps the newest checkpoints; null keeps all", async () => {
  using folder = testFolder();
  const kept = async (name: string, save_total_limit: number | null) => {
    const ran = await runConfig(tinyRun(folder.at(name), {
      training: { max_steps: 9, save_steps: 2, save_total_limit },
    }));
    const names = [...Deno.readDirSync(folder.at(name))].map((e) => e.name);
    assert.deepEqual(names.filter((n) => n.startsWith(".")), []);
    return {
      saved: ran.of("save").filter((e) => e.kind === "checkpoint").length,
      names: names.filter((n) => n.startsWith("checkpoint")).sort(),
    };
  };
  assert.deepEqual(await kept("two", 2), {
    saved: 4,
    names: ["checkpoint-6", "checkpoint-8"],
  });
  assert.deepEqual((await kept("all", null)).names, [
    "checkpoint-2",
    "checkpoint-4",
    "checkpoint-6",
    "checkpoint-8",
  ]);
});

/** Aborts at the first event that `at` accepts. */
async function interrupt(
  outputDir: string,
  at: (event: TrackerEvent) => boolean,
) {
  const controller = new AbortController();
  const config = tinyRun(outputDir, {
    data: {
      train: [{ rows: tinyRows(64), format: "alpaca" }],
      eval: [{ rows: tinyRows(10, 2), format: "alpaca" }],
      template: PLAIN,
    },
    samples: { prompts: ["abc"] },
    generation: { max_new_tokens: 8, temperature: 0 },
    training: { max_steps: 8, eval_steps: 4, eval_on_start: true },
  });
  const first = await runConfig(config, {
    signal: controller.signal,
    onEvent: (event) => {
      if (at(event)) controller.abort();
    },
  });
  return { first, config };
}

const PLACES:
  readonly (readonly [string, (e: TrackerEvent) => boolean, number])[] = [
    ["before the first step", (e) => e.event === "start", 0],
    [
      "in the evaluation before the first step",
      (e) => e.event === "progress" && e.task === "evaluating" && e.step === 0,
      0,
    ],
    ["between steps", (e) => e.event === "step" && e.step === 2, 2],
    [
      "in an evaluation",
      (e) => e.event === "progress" && e.task === "evaluating" && e.step === 4,
      4,
    ],
  ];

for (const [name, at, step] of PLACES) {
  Deno.test(`a run that is interrupted ${name} saves, and has every event once when it has gone on`, async () => {
    using folder = testFolder();
    const whole = await interrupt(folder.at("whole"), () => false);
    const { first, config } = await interrupt(folder.at("a"), at);
    assert.equal(first.result.status, "interrupted");
    assert.equal(first.of("end")[0].status, "interrupted");
    assert.equal(first.result.path, folder.at("a", `checkpoint-${step}`));
    assert.ok(existsSync(first.result.path));
    const second = await runConfig(config);
    assert.equal(second.of("start")[0].resumed_at, step);
    const evaluations = [...first.of("eval"), ...second.of("eval")];
    assert.deepEqual(
      evaluations.map((e) => [e.step, e.eval_loss]),
      whole.first.of("eval").map((e) => [e.step, e.eval_loss]),
    );
    assert.deepEqual(
      [...first.losses, ...second.losses],
      whole.first.losses,
    );
    assert.deepEqual(
      weightBytes(folder.at("a")),
      weightBytes(folder.at("whole")),
    );
  });
}

Deno.test("a run that is stopped while its data are read rejects with the signal's reason and writes nothing", async () => {
  using folder = testFolder();
  const run = await loadRun({
    object: { ...tinyRun(folder.at("a")), trackers: [] },
    registry: builtinRegistry(),
  });
  const reason = new Error("enough");
  await assert.rejects(
    trainRun(run, { signal: AbortSignal.abort(reason) }),
    reason,
  );
  assert.ok(!existsSync(folder.at("a")));
});

Deno.test("an update whose gradient is not finite is left out, counted and said", async () => {
  using folder = testFolder();
  const { of, result } = await runConfig(tinyRun(folder.at("a"), {
    optimizer: { use: "adamw", learning_rate: 1e30 },
    trackers: ["jsonl"],
    training: { max_steps: 6, logging_steps: 1, save_steps: 3 },
  }));
  assert.equal(result.status, "done");
  const steps = of("step");
  assert.deepEqual(steps.map((s) => s.skipped_updates), [0, 1, 2, 3, 4, 5]);
  assert.ok(steps.slice(1).every((s) => s.grad_norm === null));
  assert.equal(of("end")[0].skipped_updates, 5);
  const warnings = of("notice").filter((e) => e.level === "warning");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0].message, /gradient of step 2 is not finite/);
  assert.match(warnings[0].message, /learning_rate/);
  // numbers that are none must not reach the files as such
  for (
    const line of Deno.readTextFileSync(folder.at("a", "metrics.jsonl")).trim()
      .split("\n")
  ) JSON.parse(line);
  // what was not updated since the first step is what the first checkpoint holds
  assert.deepEqual(
    weightBytes(folder.at("a")),
    weightBytes(folder.at("a", "checkpoint-3")),
  );
});

Deno.test("weights that are not finite are refused by the checkpoint, and earlier ones stay", async () => {
  using folder = testFolder();
  // a rate beyond float32 from the second step on
  const config = tinyRun(folder.at("a"), {
    optimizer: { use: "adamw", learning_rate: 1e39 },
    schedule: { use: "constant", warmup_steps: 1 },
    training: { max_steps: 8, save_steps: 1, logging_steps: 1 },
  });
  const events: TrackerEvent[] = [];
  await assert.rejects(
    runConfig(config, { onEvent: (e) => void events.push(e) }),
    (error: Error) => {
      assert.equal(error.name, "DeviceError");
      assert.match(
        error.message,
        /^Cannot save .* element \d+ is (NaN|-?Infinity)/,
      );
      assert.match(error.message, /diverged/);
      assert.match(error.message, /learning_rate/);
      return true;
    },
  );
  const end = events.findLast((e) => e.event === "end");
  assert.ok(end?.event === "end" && end.status === "failed");
  assert.match(end.error ?? "", /diverged/);
  // the first step has rate 0: its checkpoint is good, and nothing half written stands beside it
  const names = [...Deno.readDirSync(folder.at("a"))].map((e) => e.name);
  assert.deepEqual(names.filter((n) => n.startsWith(".")), []);
  assert.ok(names.includes("checkpoint-1"), names.join());
  assert.ok(!names.includes("model.safetensors"));
});
