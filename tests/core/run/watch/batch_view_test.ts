import assert from "node:assert/strict";
import type { ShownBatch } from "../../../../core/run/watch/batch_view.ts";
import type { RunInput } from "../../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

/** A run of one step, and the batch that it leaves. */
async function batchOf(path: string, more: Partial<RunInput> = {}) {
  const ran = await runConfig({
    ...tinyRun(path, more),
    training: {
      max_steps: 1,
      batch_size: 4,
      logging_steps: 1,
      eval_steps: null,
      save_steps: null,
      ...more.training,
    },
  });
  const batch: ShownBatch = JSON.parse(
    Deno.readTextFileSync(`${path}/batch.json`),
  );
  return { ran, batch };
}

/** Average of the tokens' losses by their weights. */
function meanOf({ rows }: ShownBatch): number {
  let sum = 0;
  let weight = 0;
  for (const { losses, weights } of rows) {
    losses.forEach((loss, t) => {
      if (loss === null) return;
      sum += loss * weights[t];
      weight += weights[t];
    });
  }
  return sum / weight;
}

Deno.test("the losses of a batch's tokens make the logged loss of its step; each trained token has one", async () => {
  using folder = testFolder();
  for (const collator of ["padded", "packed"]) {
    const { ran, batch } = await batchOf(folder.at(collator), {
      data: {
        train: tinyRun("").data.train,
        template: { use: "plain", separator: "\n" },
        max_length: 128,
        collator,
      },
    });
    assert.equal(batch.step, 1);
    assert.equal(batch.rows.length, 4);
    // sums of float32 on the device, of doubles here
    assert.ok(Math.abs(meanOf(batch) - ran.losses[0]) < 1e-5 * ran.losses[0]);
    for (const row of batch.rows) {
      row.losses.forEach((loss, t) => {
        assert.equal(loss !== null, row.weights[t] > 0);
        if (loss !== null) assert.equal(row.roles[t], "assistant");
      });
      assert.equal(row.examples.length, Math.max(...row.segments));
      for (const { where } of row.examples) {
        assert.match(where, /^data\.train\.0\.rows row \d+$/);
      }
      const prompt = row.texts.filter((_, t) => row.roles[t] === "user");
      assert.match(prompt.join(""), /^[a-h ]+$/);
    }
    assert.equal(
      batch.rows.some(({ segments }) => segments.includes(2)),
      collator === "packed",
    );
  }
});

Deno.test("hidden tokens of masked diffusion have their losses in their own places", async () => {
  using folder = testFolder();
  const { batch } = await batchOf(folder.at("run"), {
    objective: "masked-diffusion",
    tokenizer: { use: "byte" },
  });
  const known = batch.rows.flatMap(({ losses }) =>
    losses.filter((loss) => loss !== null)
  );
  assert.ok(known.length > 0);
  for (const { losses, weights } of batch.rows) {
    losses.forEach((loss, t) => loss !== null && assert.ok(weights[t] > 0));
  }
});

Deno.test("the last micro-batch of a step is shown, of a stream with its rows too", async () => {
  using folder = testFolder();
  const rows = folder.at("rows.jsonl");
  Deno.writeTextFileSync(
    rows,
    Array.from(
      { length: 32 },
      (_, i) =>
        JSON.stringify({ instruction: `ask ${i}`, output: `say ${i}` }) + "\n",
    ).join(""),
  );
  for (const streaming of [false, true]) {
    const { batch } = await batchOf(folder.at(`run-${streaming}`), {
      data: {
        train: [{ path: rows, format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 64,
        streaming,
      },
      training: { max_steps: 1, gradient_accumulation_steps: 3, batch_size: 2 },
    });
    assert.equal(batch.micro_batch, 3);
    assert.equal(batch.micro_batches, 3);
    for (const { examples, texts } of batch.rows) {
      const line = Number(/rows\.jsonl:(\d+)$/.exec(examples[0].where)?.[1]);
      assert.ok(texts.join("").startsWith(`ask ${line - 1}\nsay ${line - 1}`));
    }
  }
});

Deno.test("showing batches changes no bit of what is trained, and where it fails the run goes on", async () => {
  using folder = testFolder();
  const run = async (name: string, onStart = () => {}) => {
    await runConfig(tinyRun(folder.at(name)), {
      onEvent: ({ event }) => event === "start" && onStart(),
    });
    return weightBytes(folder.at(name));
  };
  const shown = await run("shown");
  Deno.statSync(folder.at("shown", "batch.json"));
  // a folder in the place of the file: it cannot be written
  const failing = await run(
    "failing",
    () => Deno.mkdirSync(folder.at("failing", "batch.json.tmp")),
  );
  assert.deepEqual(failing, shown);
  assert.throws(() => Deno.statSync(folder.at("failing", "batch.json")));
});
