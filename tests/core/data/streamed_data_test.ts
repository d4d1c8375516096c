/**
 * Streamed data as a run opens them: files of all kinds, parts given in code, mistakes, and what is refused.
 */
import { rowsStore } from "../../../core/data/rows_store.ts";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { choose, definePart, type Source } from "@denotune/denotune/core";
import { z } from "zod";
import type { DataInput } from "../../../core/config/types.ts";
import { Statistics } from "../../../core/data/statistics.ts";
import { DrawnHash } from "../../../core/data/stream/row_order.ts";
import { RunningChecks } from "../../../core/data/stream/running_checks.ts";
import { DATA_DEFAULTS } from "../../../core/data/types.ts";
import { type TestFolder, testFolder } from "../../run_harness.ts";
import { alpacaLines, openRun } from "./_open_run.ts";
import { bytes } from "./_support.ts";

const STREAM = {
  streaming: true,
  shuffle_buffer: 32,
  max_length: 96,
  truncation: "keep-start",
} as const;

const RUN = { training: { max_steps: 10_000, epochs: 1, batch_size: 4 } };

/** Texts of all examples of an epoch, in order. */
async function epochOf(
  folder: TestFolder,
  data: DataInput,
): Promise<{ texts: string[]; notices: readonly string[] }> {
  using run = await openRun({ ...STREAM, ...data }, {
    cacheDir: folder.at("cache"),
    run: RUN,
  });
  const { stream } = run.data;
  assert.ok(stream !== null);
  const texts: string[] = [];
  for (let step = 0;; step++) {
    const { batches, endsEpoch } = await stream.step(0, step);
    for (const { B, T, tokens, segments } of batches) {
      for (let b = 0; b < B; b++) {
        const ids = [...tokens.subarray(b * T, (b + 1) * T)].filter((_, t) =>
          segments[b * T + t] > 0
        );
        texts.push(bytes().decode(ids));
      }
    }
    if (endsEpoch) return { texts, notices: run.notices };
  }
}

/** The same rows by index. */
function indexedOf(
  folder: TestFolder,
  data: DataInput,
): Promise<string[]> {
  return openRun({ ...STREAM, ...data, streaming: false }, {
    cacheDir: folder.at("cache"),
  }).then((run) => {
    using open = run;
    const { train } = open.data;
    return Array.from(
      { length: train.length },
      (_, i) => bytes().decode(train.example(i).ids),
    );
  });
}

const lines = (rows: readonly unknown[]) =>
  rows.map((row) => JSON.stringify(row) + "\n").join("");

Deno.test("every kind of source streams the rows that it indexes, with and without workers", async () => {
  using folder = testFolder();
  const rows = Array.from({ length: 70 }, (_, i) => ({
    instruction: `what is ${i}?`,
    output: `it is ${i * i}, é`,
  }));
  Deno.writeTextFileSync(folder.at("a.jsonl"), alpacaLines(120));
  Deno.writeFileSync(folder.at("b.json.gz"), gzipSync(JSON.stringify(rows)));
  Deno.writeTextFileSync(
    folder.at("c.csv"),
    "instruction,output\n" +
      rows.map((r) => `"${r.instruction}\n","${r.output}"\n`).join(""),
  );
  const indexedOnly = choose(
    definePart({
      kind: "source",
      name: "indexed-only",
      description: "For a test",
      options: z.strictObject({}),
      create: (): Source => ({
        accepts: () => true,
        open: ({ path }) =>
          Promise.resolve(
            rowsStore(JSON.parse(Deno.readTextFileSync(path)), { name: path }),
          ),
      }),
    }),
    {},
  );
  Deno.writeTextFileSync(folder.at("d.any"), JSON.stringify(rows));
  const train: DataInput["train"] = [
    { path: folder.at("a.jsonl"), format: "alpaca" },
    { path: folder.at("b.json.gz") }, // format: auto, by the first rows
    { path: folder.at("c.csv"), max_rows: 41 },
    { path: folder.at("d.any"), source: indexedOnly, format: "alpaca" },
    { rows, format: "alpaca" },
  ];
  const wanted = await indexedOf(folder, { train });
  for (const workers of [1, 2]) {
    const { texts, notices } = await epochOf(folder, { train, workers });
    assert.equal(notices.filter((n) => /cannot stream/.test(n)).length, 1);
    assert.notDeepEqual(texts, wanted);
    assert.deepEqual([...texts].sort(), [...wanted].sort());
  }
});

Deno.test("slices that count from the start are streamed; others are refused with the way out", async () => {
  using folder = testFolder();
  Deno.mkdirSync(folder.at("set"));
  const part = (from: number, to: number) =>
    lines(
      Array.from({ length: to - from }, (_, i) => ({
        instruction: `r${from + i}`,
        output: "x",
      })),
    );
  Deno.writeTextFileSync(folder.at("set", "train-0.jsonl"), part(0, 10));
  Deno.writeTextFileSync(folder.at("set", "train-1.jsonl"), part(10, 20));
  const data = (split: string): DataInput => ({
    shuffle: false,
    train: [{ path: folder.at("set"), split, format: "alpaca" }],
  });
  for (const split of ["train[:3]", "train[8:12]", "train[17:]+train[:1]"]) {
    assert.deepEqual(
      (await epochOf(folder, data(split))).texts,
      await indexedOf(folder, data(split)),
      split,
    );
  }
  for (const split of ["train[:50%]", "train[-3:]"]) {
    await assert.rejects(epochOf(folder, data(split)), {
      name: "ConfigError",
      message: /data\.train\.0\.split.*train\[:1000\]/,
    });
  }
  await assert.rejects(epochOf(folder, data("train[15:30]")), {
    name: "DataError",
    message: /train\[15:30\], but there are only 20 rows/,
  });
});

Deno.test("a wrong row in the middle is told with its line, whoever reads it", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  const rows = alpacaLines(900).split("\n");
  rows[700] = '{"instruction": "x", "instruction": "y"}';
  Deno.writeTextFileSync(path, rows.join("\n"));
  for (const workers of [1, 2]) {
    await assert.rejects(
      epochOf(folder, { train: [{ path, format: "alpaca" }], workers }),
      { name: "DataError", message: /rows\.jsonl:701: .*twice/ },
    );
  }
});

Deno.test("too many rows without a trained token stop a stream as soon as it is certain", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  // rows of the first thousand are fine; then prompts are longer than an example may be
  Deno.writeTextFileSync(
    path,
    lines(
      Array.from({ length: 5000 }, (_, i) => ({
        instruction: i < 1000 ? "" : "long prompt",
        output: "y",
      })),
    ),
  );
  const data = (more: Partial<DataInput>): DataInput => ({
    train: [{ path, format: "alpaca" }],
    max_length: 4,
    shuffle_buffer: 1,
    ...more,
  });
  await assert.rejects(
    epochOf(folder, data({})),
    (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.match(
        error.message,
        /^5\d\d of \d+ successive rows have no trained token, more than max_untrained_share 0\.5 of 1000/,
      );
      assert.match(error.message, /rows\.jsonl:1001:/);
      return true;
    },
  );
  const { texts } = await epochOf(folder, data({ max_untrained_share: 1 }));
  assert.equal(texts.length, 1000);
});

Deno.test("what the first rows show is refused before training, and said to be of the first rows", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(
    path,
    lines(
      Array.from({ length: 1000 }, () => ({
        instruction: "a long prompt",
        output: "y",
      })),
    ),
  );
  await assert.rejects(
    epochOf(folder, { train: [{ path, format: "alpaca" }], max_length: 4 }),
    {
      name: "DataError",
      message: /^256 of the first 256 rows have no trained/,
    },
  );
});

Deno.test("an id that the model does not have stops a stream", () => {
  const checks = new RunningChecks({
    pipelines: [],
    tokenizer: bytes(),
    options: DATA_DEFAULTS,
    vocabulary: 259,
  });
  const statistics = new Statistics(0);
  const draw = {
    packed: {
      words: new Int32Array(),
      sizes: new Uint32Array(),
      lengths: new Uint32Array(),
    },
    rows: new Uint32Array(),
    statistics,
    failure: null,
  };
  const range = { drawn: 0, before: new DrawnHash(), rows: [] };
  statistics.largestId = 258;
  checks.accept(range, draw);
  statistics.largestId = 259;
  assert.throws(() => checks.accept(range, draw), {
    name: "DataError",
    message: /gives the id 259, and the model has 259 of them/,
  });
});

Deno.test("an abort ends the wait for a step at once", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(path, alpacaLines(3000));
  const controller = new AbortController();
  using run = await openRun(
    { ...STREAM, train: [{ path, format: "alpaca" }] },
    { cacheDir: folder.at("cache"), run: RUN, signal: controller.signal },
  );
  const { stream } = run.data;
  assert.ok(stream !== null);
  await stream.step(0, 0);
  const before = stream.position();
  const next = stream.step(0, 1);
  controller.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
  assert.deepEqual(stream.position(), before);
});
