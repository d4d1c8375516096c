/**
 * Invariant 7, resume changes nothing: a run that was stopped and goes on ends with the same bits. No
 * tolerance anywhere: the same machine, backend and work, so every bit must be equal.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { RunInput } from "../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";
import { sample } from "../../sample.ts";

/** Runs until `step` steps are logged, then aborts. */
async function runUntil(config: RunInput, step: number) {
  const controller = new AbortController();
  return await runConfig(config, {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.event === "step" && event.step === step) controller.abort();
    },
  });
}

const OPTIMIZERS = [
  { use: "adamw", learning_rate: 3e-3, weight_decay: 0.1 },
  { use: "sgd", learning_rate: 0.05, momentum: 0.9 },
  { use: "lion", learning_rate: 3e-4 },
] as const;

for (const optimizer of sample(OPTIMIZERS, { count: 2, seed: 4 })) {
  Deno.test(`20 steps of ${optimizer.use} are 10, a stop and 10 more, bit for bit`, async () => {
    using folder = testFolder();
    const config = (name: string) =>
      tinyRun(folder.at(name), {
        optimizer,
        schedule: { use: "cosine", warmup_steps: 4 },
        data: {
          train: [{ rows: tinyRows(28), format: "alpaca" }],
          template: { use: "plain", separator: "\n" },
        },
        // 7 steps an epoch, the last of one short row: stops fall inside epochs and on their ends
        training: {
          epochs: 5,
          max_steps: 20,
          gradient_accumulation_steps: 1,
          logging_steps: 1,
        },
      });
    const whole = await runConfig(config("whole"));
    for (const stop of optimizer.use === "adamw" ? [3, 7, 10] : [10]) {
      const name = `stopped-${stop}`;
      const first = await runUntil(config(name), stop);
      assert.equal(first.result.status, "interrupted");
      assert.match(first.result.path, new RegExp(`checkpoint-${stop}$`));
      const second = await runConfig(config(name));
      assert.equal(second.of("start")[0].resumed_at, stop);
      assert.deepEqual(
        [...first.losses, ...second.losses],
        whole.losses,
        `stopped at ${stop}`,
      );
      assert.deepEqual(
        second.of("epoch").at(-1)?.epoch_loss,
        whole.of("epoch").at(-1)?.epoch_loss,
      );
      assert.deepEqual(
        weightBytes(folder.at(name)),
        weightBytes(folder.at("whole")),
        `weights of the run stopped at ${stop}`,
      );
    }
  });
}

Deno.test("an adapter with dropout, accumulation and packing goes on bit for bit", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), {
      adapter: { use: "lora", r: 4, lora_dropout: 0.2 },
      data: {
        train: [{ rows: tinyRows(60), format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 96,
        collator: "packed",
      },
      training: {
        epochs: 4,
        batch_size: 2,
        gradient_accumulation_steps: 2,
        logging_steps: 1,
        gradient_checkpointing: true,
      },
    });
  const whole = await runConfig(config("whole"));
  const first = await runUntil(config("stopped"), 5);
  const second = await runConfig(config("stopped"));
  assert.deepEqual([...first.losses, ...second.losses], whole.losses);
  const adapter = (name: string) =>
    Deno.readFileSync(folder.at(name, "adapter_model.safetensors"));
  assert.deepEqual(adapter("stopped"), adapter("whole"));
});

Deno.test("keys that cannot change numbers may change between a stop and going on", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), { training: { max_steps: 8 } });
  await runConfig(config("whole"));
  await runUntil(config("stopped"), 3);
  const second = await runConfig({
    ...config("stopped"),
    trackers: ["jsonl"],
    samples: { prompts: ["abc"], at: ["end"] },
    training: {
      ...config("stopped").training,
      logging_steps: 3,
      save_steps: 2,
      save_total_limit: 1,
      eval_steps: 4,
    },
  });
  assert.equal(second.of("start")[0].resumed_at, 3);
  assert.deepEqual(second.of("step").map((e) => e.step), [6, 8]);
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
});

Deno.test("an unfinished run with other settings is refused, the difference shown, and left as it is", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), { training: { max_steps: 8 } });
  const { result } = await runUntil(config, 3);
  await assert.rejects(
    runConfig({
      ...config,
      optimizer: { use: "adamw", learning_rate: 1e-4 },
    }),
    (error: Error) => {
      assert.equal(error.name, "ConfigError");
      assert.match(
        error.message,
        /optimizer\.learning_rate: was 0\.003, now 0\.0001/,
      );
      assert.match(error.message, /training\.resume=never/);
      assert.match(error.message, /output_dir/);
      return true;
    },
  );
  assert.ok(existsSync(result.path));
  const third = await runConfig(config);
  assert.equal(third.of("start")[0].resumed_at, 3);
});

Deno.test("a run begun before a setting was there goes on where the setting has its default, and only there", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), { training: { max_steps: 8 } });
  await runUntil(config, 3);
  const at = folder.at("a", "config.resolved.yaml");
  const text = Deno.readTextFileSync(at);
  const older = text.replace(/^ +max_grad_norm: .*\n/m, "")
    .replace(/^ +dropout: .*\n/m, "").replace(/^ +eps: .*\n/m, "");
  assert.equal(text.split("\n").length - older.split("\n").length, 3);
  Deno.writeTextFileSync(at, older);
  await assert.rejects(
    runConfig({
      ...config,
      training: { ...config.training, max_grad_norm: 0.5 },
    }),
    {
      name: "ConfigError",
      message: /^ +training\.max_grad_norm: was absent, now 0\.5$/m,
    },
  );
  const second = await runConfig(config);
  assert.equal(second.of("start")[0].resumed_at, 3);
});

Deno.test("an unfinished run on other data is refused", async () => {
  using folder = testFolder();
  const config = (rows: ReturnType<typeof tinyRows>) =>
    tinyRun(folder.at("a"), {
      data: {
        train: [{ rows, format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
      },
      training: { max_steps: 8 },
    });
  const rows = tinyRows(32);
  await runUntil(config(rows), 3);
  const other = rows.map((row, i) => i === 5 ? { ...row, output: "zz" } : row);
  await assert.rejects(runConfig(config(other)), {
    name: "ConfigError",
    message: /other data/,
  });
  assert.equal((await runConfig(config(rows))).of("start")[0].resumed_at, 3);
});

Deno.test("resume: never starts anew and keeps the unfinished run under another name", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), { training: { max_steps: 6 } });
  await runUntil(config, 3);
  const second = await runConfig(config, {
    overrides: ["training.resume=never"],
  });
  assert.equal(second.of("start")[0].resumed_at, null);
  assert.ok(existsSync(folder.at("a.1", "checkpoint-3")));
  assert.match(second.of("notice")[0].message, /is now in .*a\.1$/);
});

Deno.test("resume takes the path of a checkpoint, in this folder and in another", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), {
      training: { max_steps: 10, save_steps: 2, save_total_limit: null },
    });
  await runConfig(config("whole"));
  await runUntil(config("stopped"), 7);
  const inside = await runConfig(config("stopped"), {
    overrides: [`training.resume=${folder.at("stopped", "checkpoint-4")}`],
  });
  assert.equal(inside.of("start")[0].resumed_at, 4);
  const elsewhere = await runConfig(config("new"), {
    overrides: [`training.resume=${folder.at("whole", "checkpoint-6")}`],
  });
  assert.equal(elsewhere.of("start")[0].resumed_at, 6);
  for (const name of ["stopped", "new"]) {
    assert.deepEqual(
      weightBytes(folder.at(name)),
      weightBytes(folder.at("whole")),
      name,
    );
  }
});

Deno.test("a checkpoint of a model of other sizes is refused", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), {
    training: { max_steps: 4, save_steps: 2 },
  });
  await runConfig(config);
  const { from_config } = config.model;
  await assert.rejects(
    runConfig({
      ...config,
      output_dir: folder.at("b"),
      model: { from_config: { ...from_config, intermediate_size: 64 } },
    }, { overrides: [`training.resume=${folder.at("a", "checkpoint-2")}`] }),
    { name: "DataError", message: /gate_proj.*shape \(48, 32\).*\(64, 32\)/ },
  );
});

Deno.test("a finished run is renamed and said so, and a new one starts with the same result", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), { training: { max_steps: 5 } });
  const first = await runConfig(config);
  const second = await runConfig(config);
  const third = await runConfig(config);
  assert.deepEqual(second.losses, first.losses);
  assert.deepEqual(third.losses, first.losses);
  for (const name of ["a.1", "a.2"]) {
    assert.deepEqual(
      weightBytes(folder.at(name)),
      weightBytes(folder.at("a")),
    );
  }
  assert.equal(
    third.of("notice").filter((e) => /is now in .*a\.2$/.test(e.message))
      .length,
    1,
  );
});

Deno.test("the checkpoint of a run that has no more to do than its end leads to the same end", async () => {
  using folder = testFolder();
  const config = (name: string) =>
    tinyRun(folder.at(name), {
      data: {
        train: [{ rows: tinyRows(40), format: "alpaca" }],
        eval: [{ rows: tinyRows(9, 2), format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
      },
      training: { max_steps: 6 },
    });
  const whole = await runConfig(config("whole"));
  // stopped in its last evaluation
  const controller = new AbortController();
  const first = await runConfig(config("stopped"), {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.event === "progress" && event.task === "evaluating") {
        controller.abort();
      }
    },
  });
  assert.equal(first.result.status, "interrupted");
  assert.match(first.result.path, /checkpoint-6$/);
  assert.equal(first.of("eval").length, 0);
  const second = await runConfig(config("stopped"));
  assert.equal(second.result.status, "done");
  assert.equal(second.of("step").length, 0);
  assert.equal(second.of("eval").length, 1);
  assert.equal(
    second.result.metrics.eval_loss,
    whole.result.metrics.eval_loss,
  );
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
});

Deno.test("the seconds of an epoch are counted over a stop", async () => {
  using folder = testFolder();
  const config = tinyRun(folder.at("a"), {
    data: {
      train: [{ rows: tinyRows(20), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
    },
    training: { epochs: 2, batch_size: 4, logging_steps: 1 },
  });
  await runUntil(config, 2); // of 5 steps in the first epoch
  const checkpoint = folder.at("a", "checkpoint-2");
  const path = `${checkpoint}/state.json`;
  const saved = JSON.parse(Deno.readTextFileSync(path));
  assert.ok(saved.state.epochSeconds > 0);
  saved.state.epochSeconds = 1000; // as if the first part had taken so long
  Deno.writeTextFileSync(path, JSON.stringify(saved));
  Deno.removeSync(`${checkpoint}/checksums.json`);
  const { of } = await runConfig(config);
  const [first, second] = of("epoch").map((event) => event.seconds);
  assert.ok(first >= 1000 && first < 1300, `${first} s`);
  assert.ok(second < 300, `${second} s`);
});
