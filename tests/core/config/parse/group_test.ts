/** Run files and groups: several files, and files that one override takes as a whole. */
import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import { messageOf, stubRegistry, testFolder } from "../_parts.ts";

const FILES = {
  "conf/base.yaml": `model: {path: other, freeze: ["*.bias"]}
data:
  train: [{path: a.jsonl, format: alpaca}]
  max_length: 64
optimizer: {use: adamw, learning_rate: 1.0e-3}
schedule: constant
`,
  "conf/lora.yaml": "seed: 5\ntraining: {epochs: 2}\n",
  "conf/more.yaml": "seed: 6\ndata: {shuffle: false}\n",
  "conf/a.jsonl": "{}",
  "conf/other/config.json": "{}",
  "conf/data/sft_mixed.yaml":
    "train: [{path: rows.jsonl, format: alpaca}]\nshuffle: false\n",
  "conf/data/rows.jsonl": "{}",
  "conf/data/extending.yaml": "extends: sft_mixed.yaml\n",
  "conf/model/qwen3.yaml": "path: weights\n",
  "conf/model/weights/config.json": "{}",
  "conf/optimizer/fast.yaml": "learning_rate: 1.0e-2\n",
  "conf/optimizer/other.yml": "{use: lion}\n",
  "conf/optimizer/adamw.yaml": "learning_rate: 7\n",
  "conf/training/long.json": '{"epochs": 9}',
};

async function load(...args: string[]) {
  using folder = testFolder(FILES);
  const isFile = (arg: string) => !arg.includes("=");
  const { config, whereIs } = await loadRun({
    file: args.filter(isFile).map((file) => `conf/${file}`),
    overrides: args.filter((arg) => !isFile(arg)),
    cwd: folder.path,
    registry: stubRegistry(),
  });
  const json = JSON.stringify(config).replaceAll(folder.path, "DIR");
  return { config: JSON.parse(json), whereIs };
}

const refuse = (...args: string[]) => messageOf(() => load(...args));

Deno.test("each run file is laid over those before it, and all of them name the folder", async () => {
  const { config, whereIs } = await load("base.yaml", "lora.yaml", "more.yaml");
  assert.equal(config.seed, 6);
  assert.equal(config.training.epochs, 2);
  assert.equal(config.data.shuffle, false);
  assert.equal(config.data.max_length, 64);
  assert.equal(config.output_dir, "DIR/outputs/base-lora-more");
  assert.equal(whereIs("training.epochs"), "conf/lora.yaml:2:20");
});

Deno.test("data= and model= take files beside the run file, whose paths start beside them", async () => {
  const { config, whereIs } = await load(
    "base.yaml",
    "data=sft_mixed",
    "model=qwen3",
  );
  assert.equal(config.data.train.length, 1);
  assert.equal(config.data.train[0].path, "DIR/conf/data/rows.jsonl");
  assert.equal(config.model.path, "DIR/conf/model/weights");
  // what the group does not say stays as the run file has it
  assert.equal(config.data.max_length, 64);
  assert.deepEqual(config.model.freeze, ["*.bias"]);
  assert.equal(whereIs("data.shuffle"), "conf/data/sft_mixed.yaml:2:10");
});

Deno.test("groups and settings are laid over the run in the order of the command line", async () => {
  const last = await load("base.yaml", "data=sft_mixed", "data.shuffle=true");
  assert.equal(last.config.data.shuffle, true);
  const first = await load("base.yaml", "data.shuffle=true", "data=sft_mixed");
  assert.equal(first.config.data.shuffle, false);
});

Deno.test("a part's key takes a group too: its options alone, or another part", async () => {
  const fast = (await load("base.yaml", "optimizer=fast")).config.optimizer;
  assert.equal(fast.use, "adamw");
  assert.equal(fast.learning_rate, 0.01);
  const other = await load("base.yaml", "optimizer=other");
  assert.equal(other.config.optimizer.use, "lion");
  assert.equal(
    (await load("base.yaml", "training=long")).config.training.epochs,
    9,
  );
});

Deno.test("the name of a part wins over a group of that name", async () => {
  const { config } = await load("base.yaml", "optimizer=adamw");
  assert.notEqual(config.optimizer.learning_rate, 7);
});

Deno.test("what is neither a group nor a value is refused, and the files there are shown", async () => {
  assert.match(
    await refuse("base.yaml", "model=qwen4"),
    /override `model=qwen4`: `model` is no single value, and there is no file conf\/model\/qwen4\.yaml that "qwen4" could name; did you mean `qwen3`\? \(there are: qwen3\); a folder or a Hub id is `model\.path=\.\.\.`$/,
  );
  assert.match(
    await refuse("base.yaml", "data=rows.jsonl"),
    /a file or a data set is `data\.train\.0\.path=\.\.\.`$/,
  );
  assert.match(
    await refuse("base.yaml", "generation=hot"),
    /set the keys inside it, as in `generation\.KEY=VALUE`$/,
  );
  assert.match(
    await refuse("base.yaml", "data=../data/sft_mixed"),
    /is no single value/,
  );
  assert.match(await refuse("base.yaml", "optimizer=fats"), /no optimizer/i);
  assert.match(
    await refuse("base.yaml", "data=extending"),
    /conf\/data\/extending\.yaml:1:10: `extends` joins run files/,
  );
});
