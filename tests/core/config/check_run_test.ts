import assert from "node:assert/strict";
import { chosenAt } from "../../../core/config/chosen_at.ts";
import { loadRun } from "../../../core/config/load.ts";
import { messageOf, stubRegistry, testFolder } from "./_parts.ts";

const registry = stubRegistry();
const FILES = { "model/config.json": "{}", "rows.jsonl": "{}" };
const MODEL = "model: {path: model}\n";
const DATA = "data: {train: [{path: rows.jsonl, format: alpaca}]}\n";

async function refuse(text: string): Promise<string> {
  using folder = testFolder({ ...FILES, "run.yaml": text });
  const env = (name: string) =>
    name === "HF_HOME" ? `${folder.path}/hf` : undefined;
  return await messageOf(
    () => loadRun({ file: "run.yaml", cwd: folder.path, registry, env }),
    folder,
  );
}

async function load(text: string) {
  using folder = testFolder({ ...FILES, "run.yaml": text });
  return await loadRun({ file: "run.yaml", cwd: folder.path, registry });
}

Deno.test("model and data are all that a run file needs", async () => {
  const { config, choices } = await load(MODEL + DATA);
  assert.equal(config.seed, 42);
  assert.equal(config.adapter, null);
  assert.equal(config.backend, "auto");
  assert.equal(config.data.template, "auto");
  assert.equal(config.data.truncation, "drop-oldest-turns");
  assert.deepEqual(config.schedule, {
    use: "cosine",
    warmup_ratio: 0.03,
    warmup_steps: null,
  });
  assert.deepEqual([...choices.keys()].sort(), [
    "data.collator",
    "data.train.0.format",
    "objective",
    "optimizer",
    "schedule",
    "tokenizer",
    "trackers.0",
    "trackers.1",
  ]);
});

Deno.test("chosenAt gives the part of a key, null for auto and null", async () => {
  const run = await load(MODEL + DATA);
  assert.equal(chosenAt(run, "optimizer", "optimizer")?.part.name, "adamw");
  assert.equal(chosenAt(run, "backend", "backend"), null);
  assert.equal(chosenAt(run, "adapter", "adapter"), null);
  assert.throws(() => chosenAt(run, "schedule", "optimizer"), TypeError);
});

Deno.test("pretrain only changes defaults", async () => {
  const { config } = await load(
    "training_mode: pretrain\n" + MODEL +
      "data: {train: [{path: rows.jsonl}]}\n",
  );
  assert.deepEqual(config.data.train[0].format, {
    use: "text",
    instruction_field: "instruction",
  });
  assert.deepEqual(config.data.template, { use: "plain", separator: "\n\n" });
  assert.deepEqual(config.data.masker, { use: "all" });
  assert.deepEqual(config.data.collator, { use: "packed" });
  assert.equal(config.data.truncation, "split");
  const { config: own } = await load(
    "training_mode: pretrain\n" + MODEL +
      DATA.replace("}]", "}], collator: padded, truncation: drop"),
  );
  assert.deepEqual(own.data.collator, { use: "padded", multiple_of: 1 });
  assert.equal(own.data.truncation, "drop");
});

Deno.test("what is missing is said with what it is for", async () => {
  assert.equal(
    await refuse("seed: 1\n"),
    "The run has 2 problems:\n" +
      "  run.yaml:1:1: `model` is missing, and must be given: the model to train: `path`, or `from_config` for random weights\n" +
      "  run.yaml:1:1: `data` is missing, and must be given: what is trained and evaluated on, and how rows become tokens",
  );
});

Deno.test("unknown keys are refused with the nearest name, or where the name belongs", async () => {
  assert.equal(
    await refuse(MODEL + DATA + "sead: 1\n"),
    "run.yaml:3:1: unknown key `sead`; did you mean `seed`?",
  );
  assert.equal(
    await refuse(MODEL + DATA + "training: {epoch: 1}\n"),
    "run.yaml:3:12: unknown key `training.epoch`; did you mean `epochs`?",
  );
  assert.equal(
    await refuse(MODEL + DATA + "batch_size: 1\n"),
    "run.yaml:3:1: unknown key `batch_size`; did you mean `training.batch_size`?",
  );
  assert.equal(
    await refuse(MODEL + DATA + "learning_rate: 1\n"),
    "run.yaml:3:1: unknown key `learning_rate`; did you mean `optimizer.learning_rate`?",
  );
  assert.equal(
    await refuse(MODEL + DATA + "qwertz: 1\n"),
    "run.yaml:3:1: unknown key `qwertz`; known: output_dir, extends, seed, plugins, untrusted_plugins, backend, memory_limit, memory, training_mode, model, " +
      "tokenizer, adapter, data, objective, optimizer, schedule, training, parallel, evaluators, generation, samples, trackers",
  );
  assert.match(
    await refuse(MODEL + DATA + "__proto__: {seed: 1}\n"),
    /^run\.yaml:3:1: unknown key `__proto__`/,
  );
});

Deno.test("wrong types say what was found, what is expected, and what was probably meant", async () => {
  assert.equal(
    await refuse(MODEL + DATA + 'seed: "7"\n'),
    'run.yaml:3:7: `seed` is "7"; expected a number; write it without quotes',
  );
  assert.equal(
    await refuse(MODEL + DATA + "training: {eval_on_start: yes}\n"),
    'run.yaml:3:27: `training.eval_on_start` is "yes"; expected true or false; write true or false without quotes',
  );
  assert.equal(
    await refuse(
      MODEL + DATA +
        "training: {eval_steps: never, max_grad_norm: 0, epochs: 1.5}\n",
    ),
    "The run has 3 problems:\n" +
      '  run.yaml:3:24: `training.eval_steps` is "never"; expected a number, "epoch" or null\n' +
      "  run.yaml:3:46: `training.max_grad_norm` is 0; expected more than 0\n" +
      "  run.yaml:3:57: `training.epochs` is 1.5; expected a whole number",
  );
  assert.equal(
    await refuse(MODEL + DATA + "generation: {top_p: 1.5, stop: ['']}\n"),
    "The run has 2 problems:\n" +
      "  run.yaml:3:21: `generation.top_p` is 1.5; expected at most 1\n" +
      '  run.yaml:3:33: `generation.stop.0` is ""; expected a text that is not empty',
  );
  assert.equal(
    await refuse(MODEL + DATA.replace("}]", "}], truncation: drop-oldest")),
    'run.yaml:2:65: `data.truncation` is "drop-oldest"; expected "drop", "error", "keep-start", "keep-end", ' +
      '"drop-oldest-turns", "trim-prompt" or "split"; did you mean `drop-oldest-turns`?',
  );
  assert.equal(
    await refuse("model: x\n" + DATA),
    'run.yaml:1:8: `model` is "x"; expected a map, for example { path: "x" }',
  );
  for (
    const [written, shown] of [
      ["rows.jsonl", '[{ path: "rows.jsonl" }]'],
      ["{path: rows.jsonl}", '[{"path":"rows.jsonl"}]'],
    ]
  ) {
    assert.match(
      await refuse(MODEL + `data: {train: ${written}}\n`),
      new RegExp(`expected a list, for example ${RegExp.escape(shown)}$`),
    );
  }
  assert.doesNotMatch(
    await refuse("model: {use: llama}\n" + DATA),
    /did you mean/,
  );
  assert.equal(
    await refuse(MODEL + "data: {train: []}\n"),
    "run.yaml:2:15: `data.train` is an empty list; expected a list of at least 1 item",
  );
  assert.equal(
    await refuse("model: {from_config: {a: .nan}}\n" + DATA),
    "run.yaml:1:26: `model.from_config.a` is NaN; expected a value that JSON can hold",
  );
});

Deno.test("unknown parts are refused with the nearest name and all known", async () => {
  assert.equal(
    await refuse(MODEL + DATA + "optimizer: adamm\n"),
    "run.yaml:3:12: there is no optimizer `adamm`; did you mean `adamw`? known: adamw, lion",
  );
  assert.equal(
    await refuse(MODEL + DATA + "optimizer: {use: cosine}\n"),
    "run.yaml:3:18: there is no optimizer `cosine`; `cosine` is a schedule; known: adamw, lion",
  );
  assert.equal(
    await refuse(MODEL + DATA + "objective: masked-diffusion\n"),
    "run.yaml:3:12: there is no objective `masked-diffusion`; known: causal-lm; for a plugin's, name its module under `plugins`, or with --plugin",
  );
  assert.equal(
    await refuse(MODEL + DATA + "optimizer: ./mine.ts\n"),
    "run.yaml:3:12: there is no optimizer `./mine.ts`; known: adamw, lion; for a plugin's, name its module under `plugins`, or with --plugin",
  );
});

Deno.test("a choice of another shape is refused", async () => {
  assert.equal(
    await refuse(
      MODEL + DATA +
        "optimizer: 3\nbackend: null\nadapter: {r: 1}\ntrackers: console\nevaluators: [{use: [a]}]\n",
    ),
    "The run has 5 problems:\n" +
      "  run.yaml:3:12: `optimizer` is 3; expected the name of an optimizer or {use: NAME, ...options}\n" +
      "  run.yaml:4:10: `backend` is null; expected the name of a backend or {use: NAME, ...options}\n" +
      "  run.yaml:5:10: `adapter` does not say which adapter: add `use: NAME`; known: lora\n" +
      '  run.yaml:6:11: `trackers` is "console"; expected a list, for example ["console"]\n' +
      '  run.yaml:7:20: `evaluators.0.use` is ["a"]; expected the name of an evaluator',
  );
});

Deno.test("options of parts are checked at their own lines", async () => {
  assert.equal(
    await refuse(
      MODEL + DATA +
        "optimizer:\n  use: adamw\n  lerning_rate: 1.0e-4\n  betas: [0.9, x]\n  eps: -1\n  batch_size: 3\n",
    ),
    "The run has 4 problems:\n" +
      "  run.yaml:5:3: optimizer adamw has no option `lerning_rate`; did you mean `learning_rate`?\n" +
      '  run.yaml:6:16: `optimizer.betas.1` is "x"; expected a number\n' +
      "  run.yaml:7:8: `optimizer.eps` is -1; expected more than 0\n" +
      "  run.yaml:8:3: optimizer adamw has no option `batch_size`; did you mean `training.batch_size`?",
  );
  assert.equal(
    await refuse(MODEL + DATA + "adapter: {use: lora, target_modules: 3}\n"),
    "run.yaml:3:38: `adapter.target_modules` is 3; expected a text or a list",
  );
  assert.equal(
    await refuse(
      MODEL +
        DATA.replace("alpaca", "{use: jinja}").replace("format", "template"),
    ),
    "run.yaml:2:45: `data.train.0.template.path` is missing, and must be given: the file",
  );
});

Deno.test("model and entries of data have exactly one origin", async () => {
  assert.equal(
    await refuse("model: {}\n" + DATA),
    "run.yaml:1:8: `model` needs `path` (a folder or Hub id), or `from_config` for random weights",
  );
  assert.equal(
    await refuse(
      "model: {path: model, from_config: {model_type: llama}}\n" + DATA,
    ),
    "run.yaml:1:22: `model` has both `path` (run.yaml:1:15) and `from_config`; remove one",
  );
  assert.equal(
    await refuse(
      MODEL + "data: {train: [{format: alpaca}], eval: [{rows: [{}]}]}\n",
    ),
    "The run has 2 problems:\n" +
      "  run.yaml:2:16: `data.train.0` needs `path`, a file or a Hub id\n" +
      "  run.yaml:2:43: `data.eval.0.rows` can only be given in TypeScript; write the rows to a JSON Lines file and give its `path`",
  );
});

Deno.test("weights are given to all training entries or to none, and never to evaluation", async () => {
  assert.equal(
    await refuse(
      MODEL +
        "data:\n  train:\n    - {path: rows.jsonl, weight: 1}\n    - {path: rows.jsonl}\n",
    ),
    "run.yaml:5:7: `data.train.1` has no `weight`, but `data.train.0` has; give a weight to every entry, or to none",
  );
  assert.equal(
    await refuse(
      MODEL + DATA.replace("}]", "}], eval: [{path: rows.jsonl, weight: 1}]"),
    ),
    "run.yaml:2:79: unknown key `data.eval.0.weight`; did you mean `data.train.0.weight`?",
  );
});

Deno.test("16-bit storage is for frozen weights: it needs an adapter", async () => {
  assert.equal(
    await refuse("model: {path: model, dtype: bfloat16}\n" + DATA),
    'run.yaml:1:29: `model.dtype` is "bfloat16", which only frozen weights may have, but without an adapter all weights are trained; set an `adapter` or `model.freeze`, or float32',
  );
  const { config } = await load(
    "model: {path: model, dtype: bfloat16}\n" + DATA + "adapter: lora\n",
  );
  assert.equal(config.model.dtype, "bfloat16");
});

Deno.test("8 and 4 bits are for frozen weights: they need an adapter or model.freeze", async () => {
  const model = (more: string) =>
    `model: {path: model, quantization: nf4${more}}\n${DATA}`;
  assert.equal(
    await refuse(model("")),
    'run.yaml:1:36: `model.quantization` is "nf4", which only frozen weights may have, but without an adapter all weights are trained; set an `adapter` or `model.freeze`, or null',
  );
  assert.match(
    await refuse(
      `model: {path: model, quantization_pattern: {"*.v_proj.*": int8}}\n${DATA}`,
    ),
    /^run\.yaml:1:[0-9]+: `model\.quantization_pattern\.\*\.v_proj\.\*` is "int8", which only frozen/,
  );
  assert.match(
    await refuse("model: {path: model, quantization: int4}\n" + DATA),
    /quantization.*int8.*nf4/,
  );
  for (
    const text of [
      model("") + "adapter: lora\n",
      model(", freeze: [model.layers.0.*], dtype: bfloat16"),
    ]
  ) {
    assert.equal((await load(text)).config.model.quantization, "nf4");
  }
});

Deno.test("more problems than fit on a screen are counted", async () => {
  const keys = Array.from({ length: 30 }, (_, i) => `unknown_${i}: 1`).join(
    "\n",
  );
  const message = await refuse(MODEL + DATA + keys);
  assert.match(message, /^The run has 30 problems:\n/);
  assert.match(message, /\n {2}\.\.\. and 18 more$/);
  assert.equal(message.split("\n").length, 14);
});

Deno.test("data.streaming refuses what needs all rows, each with the way out", async () => {
  const message = await refuse(
    MODEL +
      `data:
  streaming: true
  train:
    - {path: rows.jsonl, format: alpaca, weight: 1, epochs: 1.5}
  eval_fraction: 0.1
  weight_by: tokens
`,
  );
  assert.match(message, /run\.yaml:3.*`training\.max_steps`/);
  assert.match(message, /run\.yaml:6.*eval_fraction.*`data\.eval`/);
  assert.match(message, /run\.yaml:7.*weigh by rows/);
  assert.match(message, /run\.yaml:5.*train\.0\.epochs.* is 1\.5.*`max_rows`/);
  const { config } = await load(
    MODEL +
      "data: {streaming: true, train: [{path: rows.jsonl, format: alpaca, epochs: 2}], eval_fraction: 0}\ntraining: {max_steps: 10}\n",
  );
  assert.equal(config.data.shuffle_buffer, 10_000);
});
