import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import { messageOf, stubRegistry, testFolder } from "../_parts.ts";

const registry = stubRegistry();
const RUN = `model: {path: model}
data:
  train: [{path: rows.jsonl, format: alpaca}]
optimizer: {use: adamw, learning_rate: 1.0e-3, weight_decay: 0.1}
schedule: constant
`;
const FILES = {
  "sub/run.yaml": RUN,
  "sub/model/config.json": "{}",
  "sub/rows.jsonl": "{}",
  "other.jsonl": "{}",
};

async function load(...overrides: string[]) {
  using folder = testFolder(FILES);
  const { config, whereIs } = await loadRun({
    file: "sub/run.yaml",
    cwd: folder.path,
    registry,
    overrides,
  });
  return { config, whereIs, folder: folder.path };
}

function refuse(...overrides: string[]): Promise<string> {
  return messageOf(() => load(...overrides));
}

Deno.test("an override sets a key; its value is YAML", async () => {
  const { config, whereIs } = await load(
    "training.epochs=7",
    "data.shuffle=false",
    "samples.prompts=[a, 'b c']",
    "output_dir=x=y",
  );
  assert.equal(config.training.epochs, 7);
  assert.equal(config.data.shuffle, false);
  assert.deepEqual(config.samples.prompts, ["a", "b c"]);
  assert.match(config.output_dir, /\/x=y$/, "only the first = splits");
  assert.equal(whereIs("training.epochs"), "override `training.epochs=7`");
});

Deno.test("a later override wins", async () => {
  assert.equal((await load("seed=1", "seed=2")).config.seed, 2);
});

Deno.test("an override reaches into lists and adds at their end", async () => {
  const { config, folder } = await load(
    "data.train.0.path=other.jsonl",
    "data.eval.0.path=other.jsonl",
    "trackers.1=console",
  );
  assert.equal(
    config.data.train[0].path,
    `${folder}/other.jsonl`,
    "relative to the working directory",
  );
  assert.deepEqual(config.data.train[0].format, {
    use: "alpaca",
    instruction_field: "instruction",
  });
  assert.equal(config.data.eval.length, 1);
  assert.deepEqual(
    config.trackers,
    [{ use: "console" }, { use: "console" }],
    "the default list is edited",
  );
});

Deno.test("naming a part replaces it, naming an option edits it", async () => {
  const rest = { betas: [0.9, 0.999], eps: 1e-8 };
  assert.deepEqual(
    (await load("optimizer.learning_rate=1e-4")).config.optimizer,
    {
      use: "adamw",
      learning_rate: 1e-4,
      ...rest,
      weight_decay: 0.1,
    },
  );
  assert.deepEqual((await load("optimizer=lion")).config.optimizer, {
    use: "lion",
    learning_rate: 1e-4,
  });
  assert.deepEqual(
    (await load("optimizer=adamw")).config.optimizer,
    { use: "adamw", learning_rate: 5e-5, ...rest, weight_decay: 0 },
    "replaced by the same part: its options go",
  );
  assert.deepEqual(
    (await load("optimizer=lion", "optimizer.learning_rate=2")).config
      .optimizer,
    {
      use: "lion",
      learning_rate: 2,
    },
  );
});

Deno.test("options of a bare name and of a default part can be edited", async () => {
  const { config } = await load(
    "schedule=cosine",
    "schedule.warmup_steps=3",
    "data.collator.multiple_of=8",
    "data.train.0.format.instruction_field=question",
  );
  assert.deepEqual(config.schedule, {
    use: "cosine",
    warmup_ratio: 0,
    warmup_steps: 3,
  });
  assert.deepEqual(config.data.collator, { use: "padded", multiple_of: 8 });
  assert.deepEqual(config.data.train[0].format, {
    use: "alpaca",
    instruction_field: "question",
  });
});

Deno.test("the default that is edited is that of the training mode", async () => {
  assert.equal(
    await refuse("data.collator.multiple_of=8", "training_mode=pretrain"),
    "override `data.collator.multiple_of=8`: collator packed has no option `multiple_of`",
  );
});

Deno.test("an override may begin a map that was null", async () => {
  const { config } = await load(
    "model.path=null",
    "model.from_config.hidden_size=64",
  );
  assert.deepEqual(config.model.from_config, { hidden_size: 64 });
});

Deno.test("setting inside of null, auto or a number is refused", async () => {
  assert.equal(
    await refuse("adapter.r=8"),
    "override `adapter.r=8`: `adapter` is null, there is no adapter to set an option of; choose one first: `adapter=NAME`",
  );
  assert.equal(
    (await load("adapter=lora", "adapter.r=8")).config.adapter !== null,
    true,
  );
  assert.equal(
    await refuse("data.template.separator=x"),
    "override `data.template.separator=x`: `data.template` is auto, which has no options; choose a template first: `data.template=NAME`",
  );
  assert.equal(
    await refuse("seed.x=1"),
    "override `seed.x=1`: `seed` is 42 (default): there is nothing inside it to set",
  );
});

Deno.test("wrong overrides are named as overrides, all at once", async () => {
  assert.equal(
    await refuse(
      "optimizer.lerning_rate=1",
      "sede=1",
      "training.epochs",
      "seed=",
      "=1",
      "seed=[1",
      "data.train.4.path=x",
      "extends=a.yaml",
    ),
    [
      "The run has 8 problems:",
      "  override `training.epochs`: an override is `key=value`, for example `training.epochs=1`",
      '  override `seed=`: has no value; write `seed=null` for none, `seed=""` for an empty text',
      "  override `=1`: `` is not a key; keys are names joined by dots, as in `training.epochs`",
      "  override `seed=[1`: its value is not YAML: flow sequence must end with a ]",
      "  override `extends=a.yaml`: run files are merged before overrides: write `extends` in the run file",
      "  override `data.train.4.path=x`: `data.train` is a list of 1: write an index from 0 to 1, not `4`",
      "  override `optimizer.lerning_rate=1`: optimizer adamw has no option `lerning_rate`; did you mean `learning_rate`?",
      "  override `sede=1`: unknown key `sede`; did you mean `seed`?",
    ].join("\n"),
  );
});
