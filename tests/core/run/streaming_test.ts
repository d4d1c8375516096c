/**
 * Runs on streamed rows: neither workers nor a stop change a bit. No tolerance anywhere: the same work on the
 * same machine and backend.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { DataInput, RunInput } from "../../../core/config/types.ts";
import { readCheckpointState } from "../../../core/run/saving/checkpoint.ts";
import {
  runConfig,
  type TestFolder,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

function lines(count: number, key = 1): string {
  return tinyRows(count, key).map((row) => JSON.stringify(row) + "\n").join("");
}

/** Two files and rows in memory: one in gzip, one in two parts. */
function write(folder: TestFolder): DataInput["train"] {
  Deno.mkdirSync(folder.at("parts"));
  Deno.writeTextFileSync(folder.at("parts", "a.jsonl"), lines(13, 2));
  Deno.writeTextFileSync(folder.at("parts", "b.jsonl"), lines(9, 3));
  Deno.writeFileSync(folder.at("c.jsonl.gz"), gzipSync(lines(17, 4)));
  return [
    { path: folder.at("parts"), format: "alpaca" },
    { path: folder.at("c.jsonl.gz"), format: "alpaca" },
    { rows: tinyRows(6, 5), format: "alpaca" },
  ];
}

function streaming(
  folder: TestFolder,
  name: string,
  data: Partial<DataInput> & { train: DataInput["train"] },
  more: Partial<RunInput> = {},
): RunInput {
  return tinyRun(folder.at(name), {
    schedule: { use: "cosine", warmup_steps: 3 },
    ...more,
    data: {
      streaming: true,
      shuffle_buffer: 8,
      template: { use: "plain", separator: "\n" },
      max_length: 96,
      truncation: "split", // a row may give several examples
      ...data,
    },
    training: { epochs: 3, max_steps: 14, batch_size: 4, ...more.training },
  });
}

async function runUntil(config: RunInput, step: number) {
  const controller = new AbortController();
  return await runConfig(config, {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.event === "step" && event.step === step) controller.abort();
    },
  });
}

const LAYOUTS = {
  padded: { collator: "padded", accumulation: 2 },
  grouped: {
    collator: { use: "padded", group_by_length: true },
    accumulation: 1,
  },
  // several blocks an epoch, and stops within them
  packed: { collator: { use: "packed", window: 16 }, accumulation: 1 },
} as const;

/** In CI each layout once, with weights of sources and without. */
const CASES = Deno.env.get("DENOTUNE_TEST_ALL") === "1"
  ? ["padded", "padded and mixed", "grouped", "packed", "packed and mixed"]
  : ["padded and mixed", "grouped", "packed"];

for (const [layout, { collator, accumulation }] of Object.entries(LAYOUTS)) {
  for (const weighted of layout === "grouped" ? [false] : [false, true]) {
    const name = `${layout}${weighted ? " and mixed" : ""}`;
    Deno.test({
      name:
        `a streamed run, ${name}, is the same with 1 and 3 workers, stopped and whole`,
      ignore: !CASES.includes(name),
      async fn() {
        using folder = testFolder();
        const sources = write(folder);
        const config = (name: string, workers: number) =>
          streaming(folder, name, {
            collator,
            workers,
            train: weighted
              ? sources.map((s, k) => ({ ...s, weight: [0.5, 0.2, 0.3][k] }))
              : sources,
          }, {
            training: {
              epochs: 40,
              max_steps: 15,
              batch_size: layout === "packed" ? 2 : 4,
              gradient_accumulation_steps: accumulation,
              save_steps: 1,
              save_total_limit: null,
            },
          });
        const whole = await runConfig(config("whole", 1));
        const shared = await runConfig(config("shared", 3));
        assert.deepEqual(shared.losses, whole.losses);
        assert.equal(whole.losses.length, 15);
        const epochs = whole.of("epoch").map((e) => e.step);
        assert.ok(epochs.length > 1, "more than one epoch is seen");
        const wanted = weightBytes(folder.at("whole"));
        assert.deepEqual(weightBytes(folder.at("shared")), wanted);
        // within an epoch, at its end, and right after
        const stops = weighted ? [epochs[0] + 1] : [2, epochs[0]];
        for (const stop of stops) {
          const name = `stopped-${stop}`;
          const first = await runUntil(config(name, weighted ? 3 : 1), stop);
          assert.equal(first.result.status, "interrupted");
          const second = await runConfig(config(name, 1));
          assert.equal(second.of("start")[0].resumed_at, stop);
          assert.deepEqual([...first.losses, ...second.losses], whole.losses);
          assert.deepEqual(weightBytes(folder.at(name)), wanted, name);
          const counts = (run: typeof whole) =>
            run.of("notice").find((n) => /^Streamed /.test(n.message))?.message;
          assert.equal(counts(second), counts(whole));
        }
        // what a checkpoint holds does not depend on who was faster
        for (const step of [3, epochs[0], 11]) {
          const at = (name: string) =>
            readCheckpointState(folder.at(name, `checkpoint-${step}`)).stream;
          assert.deepEqual(at("shared"), at("whole"));
          assert.notEqual(at("whole"), null);
        }
      },
    });
  }
}

Deno.test("without a shuffle and with all rows in the buffer, streamed batches are those of an indexed set", async () => {
  using folder = testFolder();
  const sources = write(folder);
  const data = {
    train: sources,
    shuffle: false,
    truncation: "keep-start",
  } as const;
  const streamed = await runConfig(streaming(folder, "streamed", data));
  const indexed = await runConfig(
    streaming(folder, "indexed", { ...data, streaming: false }),
  );
  assert.deepEqual(streamed.losses, indexed.losses);
  assert.deepEqual(
    weightBytes(folder.at("streamed")),
    weightBytes(folder.at("indexed")),
  );
});

Deno.test("epochs end a streamed run before max_steps, with evaluation, samples and a notice", async () => {
  using folder = testFolder();
  const run = await runConfig(streaming(folder, "a", {
    train: [{ rows: tinyRows(22), format: "alpaca" }],
    eval: [{ rows: tinyRows(6, 9), format: "alpaca" }],
  }, {
    training: { epochs: 2, max_steps: 50, batch_size: 4, eval_steps: "epoch" },
  }));
  assert.equal(run.result.status, "done");
  assert.equal(run.result.steps, 12);
  assert.deepEqual(run.of("epoch").map((e) => e.step), [6, 12]);
  assert.deepEqual(run.of("eval").map((e) => e.step), [6, 12]);
  assert.ok(
    run.of("notice").some((n) =>
      /^The data ended after 12 of 50 steps: training.epochs is 2/.test(
        n.message,
      )
    ),
  );
  const [start] = run.of("start");
  assert.equal(start.rows, null);
  assert.equal(start.steps_per_epoch, null);
  assert.equal(start.total_steps, 50);
});

Deno.test("a stopped streamed run refuses rows that it has used, and reads the others as they are now", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  const rows = tinyRows(400).map((row) => JSON.stringify(row));
  const text = (change: number | null) =>
    rows.map((row, i) => i === change ? row.replace(/.(?="})/, "#") : row)
      .join("\n");
  const config = (name: string) =>
    streaming(folder, name, {
      train: [{ path, format: "alpaca" }],
      shuffle_buffer: 64,
    }, { training: { max_steps: 100, batch_size: 4, epochs: 1 } });
  Deno.writeTextFileSync(path, text(null));
  const first = await runUntil(config("a"), 72); // 288 of 400 rows
  assert.equal(first.result.status, "interrupted");
  for (const changed of [3, 200]) { // looked at before training; only read
    Deno.writeTextFileSync(path, text(changed));
    await assert.rejects(runConfig(config("a")), {
      name: "ConfigError",
      message:
        /unfinished run on other data: rows that the run has used have changed/,
    });
  }
  Deno.writeTextFileSync(path, text(399) + "\n" + rows[0]); // longer than it was
  const second = await runConfig(config("a"));
  assert.equal(second.of("start")[0].resumed_at, 72);
  assert.ok(
    second.of("notice").some((n) =>
      /changed behind the \d+ rows .* bytes then, .* so the run is resumed/
        .test(n.message)
    ),
  );
  const whole = await runConfig(config("b"));
  assert.deepEqual([...first.losses, ...second.losses], whole.losses);
  assert.deepEqual(weightBytes(folder.at("a")), weightBytes(folder.at("b")));
});
