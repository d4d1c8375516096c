/** Prepared data for programs: iterators, rows as files, and single parts. */
import assert from "node:assert/strict";
import {
  createPart,
  encodeExample,
  inspect,
  prepare,
  type RunInput,
  type TrackerEvent,
} from "@denotune/denotune";
import { loadRun } from "../../../../core/config/load.ts";
import { library } from "../../../../core/library/mod.ts";
import type { Masker } from "../../../../core/contracts/masker.ts";
import {
  builtinRegistry,
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

const write = async (run: RunInput, to: string) =>
  await library.writeRows(
    await loadRun({ object: run, registry: builtinRegistry() }),
    { to },
  );

/** The run on rows that were written. */
function onRows(
  run: RunInput,
  written: Awaited<ReturnType<typeof write>>,
): RunInput {
  const of = (side: "train" | "eval") =>
    written.filter((w) => w.side === side).map((
      { path, weight, epochs },
    ) => ({
      path,
      format: "pretokenized",
      ...(side === "train" ? { weight, epochs } : {}),
    }));
  return {
    ...run,
    data: {
      ...run.data,
      train: of("train"),
      eval: of("eval"),
      eval_fraction: 0,
    },
  };
}

const RUNS: Record<string, Partial<RunInput>> = {
  "two sources, packed, rows held out": {
    data: {
      train: [{ rows: tinyRows(40), format: "alpaca" }, {
        rows: tinyRows(20, 2),
        format: "alpaca",
      }],
      eval_fraction: 0.2,
      collator: "packed",
    },
  },
  "sources with weights": {
    data: {
      train: [
        { rows: tinyRows(40), format: "alpaca", weight: 0.3 },
        { rows: tinyRows(20, 2), format: "alpaca", weight: 0.7 },
      ],
    },
  },
  "documents that are split": {
    training_mode: "pretrain",
    data: {
      train: [{
        rows: tinyRows(30).map(({ output }) => ({ text: output.repeat(9) })),
        format: "text",
      }],
      template: "plain",
      max_length: 48,
    },
  },
  "messages with weights of their own": {
    data: {
      train: [{
        format: "messages",
        rows: tinyRows(24).map(({ instruction, output }, i) => ({
          messages: [
            { role: "user", content: instruction },
            { role: "assistant", content: output, weight: 0.1 + i / 10 },
          ],
        })),
      }],
    },
  },
};

for (const [name, more] of Object.entries(RUNS)) {
  Deno.test(`rows that prepare wrote train the same bits: ${name}`, async () => {
    using folder = testFolder();
    const run = (name: string) =>
      tinyRun(folder.at(name), {
        ...more,
        training: { epochs: 2, eval_steps: "epoch" },
      });
    // both kinds of files in turn: what they hold is the same
    const file = name.length % 2 === 0 ? "rows.jsonl" : "rows.parquet";
    const written = await write(run("x"), folder.at(file));
    const whole = await runConfig(run("whole"));
    const again = await runConfig(onRows(run("again"), written));
    assert.ok(whole.losses.length > 2);
    assert.deepEqual(again.losses, whole.losses);
    assert.deepEqual(
      again.of("eval").map((e) => e.eval_loss),
      whole.of("eval").map((e) => e.eval_loss),
    );
    assert.deepEqual(
      weightBytes(folder.at("again")),
      weightBytes(folder.at("whole")),
    );
  });
}

Deno.test("rows are written under names that end in .jsonl only, and not of streams", async () => {
  using folder = testFolder();
  await assert.rejects(write(tinyRun("x"), folder.at("rows.csv")), {
    name: "ConfigError",
    message: /must end in \.jsonl or \.parquet/,
  });
  const run = tinyRun("x", { training: { max_steps: 2 } });
  await assert.rejects(
    write({ ...run, data: { ...run.data, streaming: true } }, "rows.jsonl"),
    { name: "ConfigError", message: /streaming/ },
  );
});

Deno.test("prepare goes through the examples that inspect shows", async () => {
  const run = tinyRun("unused", { data: { train: [], eval_fraction: 0.25 } });
  const rows = tinyRows(40);
  const data = { ...run.data, train: [{ rows, format: "alpaca" }] };
  using prepared = await prepare({ ...run, data });
  const shown = await inspect({ ...run, data }, { examples: 100 });
  const found = [...prepared.examples()];
  assert.equal(found.length, prepared.report.examples);
  assert.deepEqual(
    found.map(({ ids, weights }) => [[...ids], [...weights]]),
    shown.map(({ tokens }) => [
      tokens.map(({ id }) => id),
      tokens.map(({ weight }) => weight),
    ]),
  );
  const held = [...prepared.examples("eval")];
  assert.equal(held.length + found.length, 40);
});

Deno.test("batches of an epoch are those that training gets, in order, of a stream too", async () => {
  for (const streaming of [false, true]) {
    using folder = testFolder();
    Deno.writeTextFileSync(
      folder.at("rows.jsonl"),
      tinyRows(30).map((row) => JSON.stringify(row)).join("\n"),
    );
    const run: RunInput = tinyRun(folder.at("out"), {
      data: {
        train: [{ path: folder.at("rows.jsonl"), format: "alpaca" }],
        streaming,
      },
      training: {
        epochs: 1,
        max_steps: 4,
        gradient_accumulation_steps: 2,
      },
    });
    const trained = (await runConfig(run)).of("step").map((
      e: Extract<TrackerEvent, { event: "step" }>,
    ) => e.trained_tokens);
    using prepared = await prepare(run);
    const counts = new Map<number, number>();
    for await (const { step, weights, epoch } of prepared.batches()) {
      assert.equal(epoch, 0);
      const count = weights.filter((w) => w > 0).length;
      counts.set(step, (counts.get(step) ?? 0) + count);
    }
    assert.deepEqual([...counts.values()], trained, `streaming ${streaming}`);
  }
});

Deno.test("parts by themselves give the tokens, weights and batches of a run", async () => {
  const rows = tinyRows(12);
  const run = tinyRun("unused");
  const entry = { rows, format: "alpaca" };
  using prepared = await prepare({
    ...run,
    data: { ...run.data, train: [entry], shuffle: false, collator: "packed" },
  });
  const tokenizer = await createPart("tokenizer", "byte");
  const format = await createPart("format", "alpaca");
  const choice = { use: "plain", separator: "\n" };
  const template = await createPart("template", choice, { tokenizer });
  const masker: Masker = await createPart("masker", "completion-only");
  const collator = await createPart("collator", "packed");
  const own = (await Promise.all(rows.map(async (value, index) => {
    const example = format.parse({ value, where: { path: "rows", index } });
    return await encodeExample(example, { tokenizer, template, masker });
  }))).flat();
  const wanted = [...prepared.examples()];
  assert.deepEqual(
    own.map(({ ids, weights }) => ({ ids, weights })),
    wanted.map(({ ids, weights }) => ({ ids, weights })),
  );
  const limits = { maxLength: 128, batchSize: 4, padId: 258, seed: 0 };
  const { B, T, segments } = collator.collate([own.slice(0, 2)], limits);
  assert.equal(B, 1);
  assert.equal(
    segments.filter((s) => s > 0).length,
    own[0].ids.length + own[1].ids.length,
  );
  assert.ok(T <= 128);
});

Deno.test("an unknown part names the nearest", async () => {
  await assert.rejects(createPart("format", "alpacca"), {
    name: "ConfigError",
    message: /alpaca/,
  });
});
