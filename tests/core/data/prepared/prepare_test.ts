import assert from "node:assert/strict";
import {
  DataError,
  type Example,
  type RecordStore,
  type Tokenizer,
} from "@denotune/denotune/core";
import { prepareDataset } from "../../../../core/data/prepared/prepare.ts";
import type { PreparedDataset } from "../../../../core/data/prepared/prepared_dataset.ts";
import type { DataSource } from "../../../../core/data/types.ts";
import { packed, padded } from "../../../../plugins/collators/mod.ts";
import { completionOnly } from "../../../../plugins/maskers/mod.ts";
import { examples, prepare, type Setup } from "../_prepare.ts";
import { asIs, bytes, chatTemplate, make, storeOf } from "../_support.ts";

function texts(dataset: PreparedDataset, epoch: number): string[] {
  const tokenizer = bytes();
  const found: string[] = [];
  for (let step = 0; step < dataset.stepsInEpoch(epoch); step++) {
    for (const batch of dataset.batches(epoch, step)) {
      for (let b = 0; b < batch.B; b++) {
        const row = (t: number) => b * batch.T + t;
        for (let t = 0; t < batch.T;) {
          const segment = batch.segments[row(t)];
          const from = t;
          while (t < batch.T && batch.segments[row(t)] === segment) t++;
          if (segment !== 0) {
            found.push(
              tokenizer.decode(
                batch.tokens.subarray(row(from), row(t - 1) + 1),
              ),
            );
          }
        }
      }
    }
  }
  return found;
}

for (const collator of [padded, packed]) {
  Deno.test(`an epoch of ${collator.name} batches has every example once, nothing else`, async () => {
    using dataset = await prepare([examples(50), examples(31, "y")], {
      collator,
      options: { batch_size: 3, gradient_accumulation_steps: 2 },
    });
    const expected = [...examples(50), ...examples(31, "y")].map((e) =>
      "prompt" in e ? `${e.prompt}${e.completion}<|eos|>` : ""
    );
    for (const epoch of [0, 1]) {
      assert.deepEqual(texts(dataset, epoch).sort(), expected.sort());
    }
    assert.notDeepEqual(texts(dataset, 0), texts(dataset, 1));
  });

  Deno.test(`${collator.name} batches are a function of seed, epoch and step`, async () => {
    const setup: Setup = { collator, options: { batch_size: 4 } };
    using first = await prepare([examples(60)], setup);
    using second = await prepare([examples(60)], setup);
    const last = second.stepsInEpoch(2) - 1;
    const later = second.batches(2, last); // without the steps before it
    for (let step = 0; step < last; step++) first.batches(2, step);
    assert.deepEqual(first.batches(2, last), later);
    assert.equal(first.fingerprint, second.fingerprint);
    using other = await prepare([examples(60)], {
      ...setup,
      options: { batch_size: 4, seed: 1 },
    });
    assert.notDeepEqual(other.batches(2, 0), second.batches(2, 0));
    using longer = await prepare([examples(61)], setup);
    assert.notEqual(longer.fingerprint, second.fingerprint);
  });
}

Deno.test("1x8, 2x4 and 8x1 have the same rows in each step, the short last one included", async () => {
  const rowsOf = async (
    batch_size: number,
    gradient_accumulation_steps: number,
  ) => {
    using dataset = await prepare([examples(29)], {
      options: { batch_size, gradient_accumulation_steps },
    });
    assert.equal(dataset.stepsInEpoch(0), 4);
    return Array.from(
      { length: 4 },
      (_, step) =>
        dataset.batches(0, step).flatMap((batch) =>
          Array.from({ length: batch.B }, (_, b) => {
            const row = [
              ...batch.tokens.subarray(b * batch.T, (b + 1) * batch.T),
            ];
            return row.filter((_, t) => batch.segments[b * batch.T + t] !== 0)
              .join(" ");
          })
        ),
    );
  };
  const whole = await rowsOf(8, 1);
  assert.deepEqual(whole.map((rows) => rows.length), [8, 8, 8, 5]);
  assert.deepEqual(await rowsOf(1, 8), whole);
  assert.deepEqual(await rowsOf(2, 4), whole);
});

Deno.test("the report counts, and says so in one line", async () => {
  using dataset = await prepare([examples(29)], { options: { batch_size: 4 } });
  assert.equal(dataset.report.startLine, "29 rows -> 8 steps an epoch");
  assert.equal(
    dataset.report.trainedTokens,
    examples(29).reduce(
      (sum, e) => sum + ("completion" in e ? e.completion.length + 1 : 0),
      0,
    ),
  );
  using packs = await prepare([examples(29)], {
    collator: packed,
    options: { batch_size: 2 },
  });
  assert.match(
    packs.report.startLine,
    /^29 rows -> \d+ packs -> \d+ steps an epoch$/,
  );
  assert.ok((packs.report.packing ?? 0) > 0.9);
});

Deno.test("rows without a trained token are skipped and counted", async () => {
  const rows: Example[] = [...examples(3), {
    messages: [{ role: "user", content: "left over" }],
  }];
  using dataset = await prepare([rows]);
  assert.equal(dataset.report.untrainedRows, 1);
  assert.equal(dataset.length, 3);
  assert.match(
    dataset.report.notices.join(" "),
    /1 row \(25%\) without a trained token: skipped/,
  );
});

Deno.test("too many rows without a trained token are an error with a sample", async () => {
  const silent: Example = {
    messages: [{ role: "user", content: "nobody answers" }],
  };
  await assert.rejects(() => prepare([[silent, silent, ...examples(1)]]), {
    name: "DataError",
    message: /2 of 3 rows have no trained token.*<user>nobody answers/s,
  });
  await assert.rejects(
    () =>
      prepare([[{ prompt: "long".repeat(40), completion: "x" }]], {
        options: { truncation: "keep-start" },
      }),
    /max_length 64 leaves only the prompt; raise it, or try truncation: trim-prompt/,
  );
  await assert.rejects(
    () =>
      prepare([[{ prompt: "long".repeat(40), completion: "x" }]], {
        options: { truncation: "drop" },
      }),
    /All 1 rows are longer than max_length 64 and were dropped/,
  );
});

Deno.test("what truncation costs is counted", async () => {
  const rows: Example[] = [...examples(1), {
    prompt: "p".repeat(60),
    completion: "c".repeat(10),
  }];
  using dataset = await prepare([rows], {
    options: { truncation: "keep-start" },
  });
  assert.deepEqual(dataset.report.truncation, {
    rowsCut: 1,
    rowsDropped: 0,
    tokensLost: 7,
    trainedTokensLost: 7,
  });
});

Deno.test("rows whose spans the tokenizer cannot verify are skipped, counted and named", async () => {
  const honest = bytes();
  const tokenizer: Tokenizer = {
    ...honest,
    encode(text, options) {
      if (text.startsWith("x1:")) throw new DataError("the spans do not fit");
      return honest.encode(text, options);
    },
  };
  using dataset = await prepare([examples(4)], { tokenizer });
  assert.equal(dataset.report.refusedRows, 1);
  assert.equal(dataset.report.firstRefusal, "rows row 1: the spans do not fit");
});

Deno.test("eval_fraction parts rows by content: nothing lost, duplicates on one side", async () => {
  const rows = [...examples(200), ...examples(200)];
  using train = await prepare([rows], {
    options: { eval_fraction: 0.3 },
    source: { side: "train" },
  });
  using held = await prepare([rows], {
    options: { eval_fraction: 0.3 },
    source: { side: "eval" },
  });
  assert.equal(train.length + held.length, 400);
  assert.ok(held.length > 60 && held.length < 180);
  const [inTrain, inHeld] = [new Set(texts(train, 0)), new Set(texts(held, 0))];
  assert.ok([...inHeld].every((text) => !inTrain.has(text)));
});

Deno.test("a failing part is named with the row", async () => {
  await assert.rejects(
    () =>
      prepare([examples(2)], {
        source: {
          masker: {
            weights: () => new Float32Array(1),
          },
        },
      }),
    {
      name: "PluginError",
      message: /^rows row 0: The masker gave 1 weights for 3 spans/,
    },
  );
});

function endless(): RecordStore {
  return {
    length: 10_000_000,
    fingerprint: "",
    at: (index) => ({
      value: { prompt: "a", completion: "b" },
      where: { path: "rows", index },
    }),
    [Symbol.dispose]() {},
  };
}

Deno.test("preparation gives way to other work, and stops when it is told", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await assert.rejects(async () => {
    await prepareDataset({
      sources: [{
        name: "many",
        store: endless(),
        format: asIs,
        template: chatTemplate,
        masker: await make("masker", completionOnly),
      }],
      tokenizer: bytes(),
      collator: await make("collator", padded),
      cacheDir: "unused",
      signal: controller.signal,
    });
  }, /enough/);
});

Deno.test("weighted sources are drawn by their shares", async () => {
  const masker = await make("masker", completionOnly);
  const source = (
    name: string,
    rows: Example[],
    weight: number | null,
  ): DataSource => ({
    name,
    store: storeOf(rows),
    format: asIs,
    template: chatTemplate,
    masker,
    weight,
  });
  const request = {
    tokenizer: bytes(),
    collator: await make("collator", padded),
    cacheDir: "unused",
    options: { batch_size: 10, max_length: 64 },
  };
  using dataset = await prepareDataset({
    ...request,
    sources: [
      source("a", examples(100), 3),
      source("b", examples(100, "y"), 1),
    ],
  });
  assert.equal(
    dataset.report.startLine,
    "200 rows -> 133 drawn -> 14 steps an epoch",
  );
  const batch = dataset.batches(0, 0)[0];
  assert.deepEqual(new Set(batch.sources), new Set([0, 1]));
  await assert.rejects(
    () =>
      prepareDataset({
        ...request,
        sources: [source("a", examples(1), 1), source("b", examples(1), null)],
      }),
    { name: "ConfigError" },
  );
});
