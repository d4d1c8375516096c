import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import { choose } from "../../../../core/contracts/plugin.ts";
import { messageOf, PARTS, stubRegistry, testFolder } from "../_parts.ts";

const registry = stubRegistry();
const BASE =
  "model: {path: model}\ndata: {train: [{path: rows.jsonl, format: alpaca}]}\n";
const FILES = {
  "model/config.json": "{}",
  "rows.jsonl": "{}",
  "base.yaml": BASE,
};

Deno.test("a run file is laid over the one it extends: maps merge, lists replace", async () => {
  using folder = testFolder({
    ...FILES,
    "base.yaml": BASE +
      "training: {epochs: 5, batch_size: 2}\nsamples: {prompts: [a, b]}\n",
    "run.yaml":
      "extends: base.yaml\ntraining: {epochs: 7}\nsamples: {prompts: [c]}\n",
  });
  const { config, whereIs } = await loadRun({
    file: "run.yaml",
    cwd: folder.path,
    registry,
  });
  assert.equal(config.training.epochs, 7);
  assert.equal(config.training.batch_size, 2);
  assert.deepEqual(config.samples.prompts, ["c"]);
  assert.equal(config.extends, null);
  assert.equal(whereIs("training.epochs"), "run.yaml:2:20");
  assert.equal(
    whereIs("training.batch_size"),
    "base.yaml:3:35",
    "positions of the extended file stay",
  );
});

Deno.test("choices of the same part merge, of another part replace", async () => {
  using folder = testFolder({
    ...FILES,
    "base.yaml": BASE +
      "optimizer: {use: adamw, learning_rate: 1.0e-3, weight_decay: 0.1}\nschedule: constant\n",
    "same.yaml":
      "extends: base.yaml\noptimizer: {use: adamw, learning_rate: 1.0e-4}\n",
    "options.yaml": "extends: base.yaml\noptimizer: {learning_rate: 1.0e-4}\n",
    "bare.yaml": "extends: base.yaml\noptimizer: adamw\n",
    "other.yaml":
      "extends: base.yaml\noptimizer: {use: lion}\nschedule: {use: cosine, warmup_steps: 5}\n",
    "none.yaml": "extends: [base.yaml, lora.yaml]\nadapter: null\n",
    "lora.yaml": "adapter: {use: lora, r: 4}\n",
  });
  const optimizerOf = async (file: string) =>
    (await loadRun({ file, cwd: folder.path, registry })).config.optimizer;
  const rest = { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1 };
  assert.deepEqual(await optimizerOf("same.yaml"), {
    use: "adamw",
    learning_rate: 1e-4,
    ...rest,
  });
  assert.deepEqual(await optimizerOf("options.yaml"), {
    use: "adamw",
    learning_rate: 1e-4,
    ...rest,
  });
  assert.deepEqual(await optimizerOf("bare.yaml"), {
    use: "adamw",
    learning_rate: 1e-3,
    ...rest,
  });
  assert.deepEqual(await optimizerOf("other.yaml"), {
    use: "lion",
    learning_rate: 1e-4,
  });
  assert.equal(
    (await loadRun({ file: "none.yaml", cwd: folder.path, registry })).config
      .adapter,
    null,
  );
});

Deno.test("several run files are extended in order, each relative to the file that names it", async () => {
  using folder = testFolder({
    ...FILES,
    "base.yaml": "model: {path: model}\n",
    "parts/data.yaml":
      "data: {train: [{path: ../rows.jsonl, format: alpaca}]}\nseed: 1\n",
    "parts/more.yaml": "extends: data.yaml\nseed: 2\n",
    "runs/run.yaml": "extends: [../base.yaml, ../parts/more.yaml]\n",
  });
  const { config } = await loadRun({
    file: "runs/run.yaml",
    cwd: folder.path,
    registry,
  });
  assert.equal(config.seed, 2);
  assert.equal(
    config.model.path,
    `${folder.path}/model`,
    "relative to base.yaml, which wrote it",
  );
  assert.equal(
    config.data.train[0].path,
    `${folder.path}/rows.jsonl`,
    "relative to parts/data.yaml",
  );
  assert.equal(
    config.output_dir,
    `${folder.path}/outputs/run`,
    "relative to the working directory",
  );
});

Deno.test("run files that extend each other in a circle are refused with the circle", async () => {
  using folder = testFolder({
    "a.yaml": "extends: b.yaml\n",
    "b.yaml": "extends: ./a.yaml\n",
  });
  assert.equal(
    await messageOf(
      () => loadRun({ file: "a.yaml", cwd: folder.path, registry }),
      folder,
    ),
    "b.yaml:1:10: run files extend each other in a circle: a.yaml -> b.yaml -> a.yaml",
  );
});

Deno.test("problems in an extended file are told at their place there", async () => {
  using folder = testFolder({
    ...FILES,
    "base.yaml": BASE + "sead: 1\n",
    "run.yaml": "extends: base.yaml\nseeed: 1\n",
  });
  assert.equal(
    await messageOf(
      () => loadRun({ file: "run.yaml", cwd: folder.path, registry }),
      folder,
    ),
    "The run has 2 problems:\n" +
      "  base.yaml:3:1: unknown key `sead`; did you mean `seed`?\n" +
      "  run.yaml:2:1: unknown key `seeed`; did you mean `seed`?",
  );
});

Deno.test("a missing run file is named, by whom it was asked for too", async () => {
  using folder = testFolder({ "run.yaml": "extends: gone.yaml\n" });
  const load = (file: string) =>
    messageOf(() => loadRun({ file, cwd: folder.path, registry }), folder);
  assert.equal(await load("no.yaml"), "There is no run file DIR/no.yaml");
  assert.equal(
    await load("rum.yml"),
    "There is no run file DIR/rum.yml; did you mean `run.yaml`?",
  );
  assert.equal(
    await load("run.yaml"),
    "run.yaml:1:10: There is no run file DIR/gone.yaml",
  );
  assert.equal(await load("."), "DIR is a folder, not a run file");
});

Deno.test("empty files, other encodings and lists are no run files", async () => {
  using folder = testFolder({
    "empty.yaml": "\n",
    "list.yaml": "- a\n",
    "word.yaml": "hello\n",
  });
  Deno.writeFileSync(
    `${folder.path}/utf16.yaml`,
    new Uint8Array([0xff, 0xfe, 0x61, 0x00]),
  );
  const load = (file: string) =>
    messageOf(() => loadRun({ file, cwd: folder.path, registry }), folder);
  assert.equal(
    await load("empty.yaml"),
    "empty.yaml is empty; a run file needs at least `model` and `data`",
  );
  assert.equal(
    await load("list.yaml"),
    "list.yaml:1:1: a run is a map of keys such as `model` and `data`, not a list",
  );
  assert.equal(
    await load("word.yaml"),
    'word.yaml:1:1: a run is a map of keys such as `model` and `data`, not "hello"',
  );
  assert.equal(
    await load("utf16.yaml"),
    "Cannot read the run file DIR/utf16.yaml: it is not UTF-8 text",
  );
});

Deno.test("a TypeScript run file is its default export, problems told by key", async () => {
  using folder = testFolder({
    ...FILES,
    "run.ts": `export default {
      extends: "base.yaml",
      data: { train: [{ rows: [{ instruction: "a", output: "b" }], format: "alpaca" }] },
      optimizer: { use: "adamw", learning_rate: 1e-3 },
    };`,
    "wrong.ts":
      `export default { extends: "base.yaml", optimizer: { use: "adamw", learning_rate: -1 }, sede: 1 };`,
    "nothing.ts": `export const run = {};`,
    "throws.ts": `throw new Error("out of luck");`,
  });
  const { config } = await loadRun({
    file: "run.ts",
    cwd: folder.path,
    registry,
  });
  assert.deepEqual(config.data.train[0].rows, [{
    instruction: "a",
    output: "b",
  }]);
  assert.equal(config.model.path, `${folder.path}/model`);
  const load = (file: string) =>
    messageOf(() => loadRun({ file, cwd: folder.path, registry }), folder);
  assert.equal(
    await load("wrong.ts"),
    "The run has 2 problems:\n" +
      "  wrong.ts: `optimizer.learning_rate` is -1; expected more than 0\n" +
      "  wrong.ts: unknown key `sede`; did you mean `seed`?",
  );
  assert.equal(
    await load("nothing.ts"),
    "nothing.ts has no default export; write `export default defineRun({ model: ..., data: ... })`",
  );
  assert.equal(
    await load("throws.ts"),
    "Cannot load the run file throws.ts: out of luck",
  );
});

Deno.test("a run given as an object may choose parts themselves, which overrides edit", async () => {
  using folder = testFolder(FILES);
  const [adamw] = PARTS;
  const object = {
    model: { path: "model" },
    data: { train: [{ rows: [{}], format: "alpaca" }] },
    optimizer: choose(adamw, { learning_rate: 1e-3 }),
  };
  const run = await loadRun({
    object,
    cwd: folder.path,
    registry,
    overrides: ["optimizer.weight_decay=0.5"],
  });
  const chosen = run.choices.get("optimizer");
  assert.equal(chosen?.part, adamw);
  assert.deepEqual(chosen?.options, {
    learning_rate: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weight_decay: 0.5,
  });
  assert.equal(
    run.config.data.train[0].rows,
    object.data.train[0].rows,
    "rows are not copied",
  );
});

Deno.test("an object chosen in code is checked as a part", async () => {
  using folder = testFolder(FILES);
  const [adamw] = PARTS;
  const base = {
    model: { path: "model" },
    data: { train: [{ rows: [{}], format: "alpaca" }] },
  };
  const load = (more: object) =>
    messageOf(
      () =>
        loadRun({ object: { ...base, ...more }, cwd: folder.path, registry }),
      folder,
    );
  assert.equal(
    await load({ schedule: choose(adamw, {}) }),
    'run: `schedule` is the optimizer "adamw"; expected a schedule',
  );
  assert.match(
    await load({ schedule: { use: {}, options: {} } }),
    /^run: `schedule\.use` has kind undefined; known kinds:/,
  );
  assert.equal(
    await load({ optimizer: choose(adamw, { lr: 1 }) }),
    "run: optimizer adamw has no option `lr`; known: learning_rate, betas, eps, weight_decay",
  );
  assert.equal(
    await load({ optimizer: { use: adamw, learning_rate: 1 } }),
    "run: `optimizer` was chosen in code as {use: part, options}; `learning_rate` belongs into its options",
  );
});
