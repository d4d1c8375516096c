import assert from "node:assert/strict";
import { configDifference } from "../../../core/config/difference.ts";
import { loadRun } from "../../../core/config/load.ts";
import {
  configData,
  readResolved,
  resolvedText,
} from "../../../core/config/resolved.ts";
import { stubRegistry, testFolder } from "./_parts.ts";

async function run(...overrides: string[]) {
  using folder = testFolder({ "model/config.json": "{}" });
  return await loadRun({
    object: {
      model: { from_config: { a: 1 } },
      data: { train: [{ rows: [{}], format: "alpaca" }] },
    },
    cwd: "/",
    base: folder.path,
    registry: stubRegistry(),
    overrides,
  });
}

async function difference(before: string[], after: string[]) {
  return configDifference(
    configData((await run(...before)).config),
    configData((await run(...after)).config),
  );
}

Deno.test("equal runs do not differ, nor does a run from its resolved text", async () => {
  assert.deepEqual(await difference([], []), []);
  const loaded = await run();
  const text = await resolvedText(loaded, "0.1.0");
  assert.deepEqual(
    configDifference(await readResolved(text, "x"), configData(loaded.config)),
    [],
  );
});

Deno.test("each key that differs is listed with what it was and is", async () => {
  assert.deepEqual(
    await difference(["seed=1"], [
      "seed=2",
      "optimizer.betas=[0.9,0.95]",
      "training.max_steps=5",
    ]),
    [
      { key: "seed", was: 1, now: 2, harmless: false },
      { key: "optimizer.betas.1", was: 0.999, now: 0.95, harmless: false },
      { key: "training.max_steps", was: null, now: 5, harmless: false },
    ],
  );
});

Deno.test("another part is one difference, not one an option", async () => {
  assert.deepEqual(await difference([], ["schedule=constant"]), [{
    key: "schedule",
    was: { use: "cosine", warmup_ratio: 0.03, warmup_steps: null },
    now: { use: "constant" },
    harmless: false,
  }]);
});

Deno.test("entries that were added or taken away are listed", async () => {
  const [added, ...rest] = await difference([], [
    "samples.prompts=[a]",
    "model.from_config.b=2",
  ]);
  assert.deepEqual(added, {
    key: "model.from_config.b",
    was: undefined,
    now: 2,
    harmless: false,
  });
  assert.deepEqual(rest, [{
    key: "samples.prompts.0",
    was: undefined,
    now: "a",
    harmless: true,
  }]);
});

Deno.test("what cannot change numbers is harmless", async () => {
  const found = await difference([], [
    "output_dir=x",
    "backend=cpu",
    "model.save_dtype=float16",
    "training.logging_steps=1",
    "training.eval_steps=1",
    "training.save_steps=1",
    "training.save_total_limit=1",
    "training.resume=never",
    "evaluators=[exact-match]",
    "generation.temperature=0",
    "samples.at=[]",
    "trackers=[console]",
  ]);
  assert.equal(
    found.length,
    13,
    "one a key, and samples.at loses two items",
  );
  assert.ok(found.every(({ harmless }) => harmless), JSON.stringify(found));
  const harmful = await difference([], [
    "training.batch_size=1",
    "data.max_length=7",
    "tokenizer=byte",
    "training.epochs=1",
  ]);
  assert.ok(harmful.every(({ harmless }) => !harmless));
});

Deno.test("when evaluations happen cannot change numbers, unless they are compared", async () => {
  const harmless = async (...shared: string[]) =>
    (await difference(shared, [...shared, "training.eval_steps=7"]))
      .map(({ key, harmless }) => [key, harmless]);
  assert.deepEqual(await harmless(), [["training.eval_steps", true]]);
  for (
    const compared of [
      "training.load_best_model_at_end=true",
      "training.early_stopping_patience=2",
    ]
  ) {
    assert.deepEqual(await harmless(compared), [[
      "training.eval_steps",
      false,
    ]]);
  }
});
