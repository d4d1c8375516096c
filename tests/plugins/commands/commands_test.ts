import assert from "node:assert/strict";
import { resolve } from "node:path";
import { parse } from "yaml";
import { loadRun } from "../../../core/config/load.ts";
import { builtIn } from "../../../plugins/library.ts";
import { openRegistry } from "../../../core/config/parts/open_registry.ts";
import { loadWithoutRunning } from "../../../core/config/trust/load_without_running.ts";
import { hashGraph } from "../../../core/config/trust/module_graph.ts";
import { alpacaRows, folderOf, run, tinyRun } from "../../core/cli/_run.ts";
import { builtinRegistry } from "../../run_harness.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

function tiny(more = "") {
  const folder = folderOf({ "rows.jsonl": alpacaRows(8) });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path, more));
  return folder;
}

Deno.test("check tells data, steps, memory and a sample, and writes nothing", async () => {
  using folder = tiny();
  const { code, out } = await run("check", folder.at("run.yaml"));
  assert.equal(code, 0);
  assert.match(out, /8 rows -> 2 steps an epoch/);
  assert.match(out, /training 2 steps in all · causal-lm, adamw, cosine · /);
  assert.match(out, /memory +weights .* total .* of /);
  assert.match(out, /Say 0↵\n«0\.<\|eos\|>»/);
  assert.deepEqual(
    [...Deno.readDirSync(folder.path)].map((e) => e.name).sort(),
    [
      "rows.jsonl",
      "run.yaml",
    ],
  );
});

Deno.test("check --ranks says what a cluster would give, and what is wrong with its flags", async () => {
  using folder = tiny();
  const { code, out, err } = await run(
    "check",
    folder.at("run.yaml"),
    "--ranks",
    "1,3",
    "--network",
    "100Mbit",
  );
  assert.equal(code, 0, err);
  assert.match(
    out,
    /1 rank on 100Mbit, 100us: \S+ s a step · [\d,]+ tokens\/s · \S+ times one rank \(efficiency \d+%\)/,
  );
  assert.match(out, /3 ranks on [^]*with parallel.optimizer_sharding /);
  assert.match(out, /1 micro-batch, so that 2 ranks would only wait/);
  const wrong = await run(
    "check",
    folder.at("run.yaml"),
    "--ranks",
    "2",
    "--network",
    "fast",
  );
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /a rate such as 1Gbit/);
});

Deno.test("check says what is wrong with the rows though the model cannot be opened", async () => {
  using folder = folderOf({
    "rows.jsonl": '{"instruction": "a", "output": "b"}\n{"instruction": "a"}\n',
    "model/tokenizer.json": "{}",
  });
  Deno.writeTextFileSync(
    folder.at("run.yaml"),
    `model: { path: model }\ndata: { train: [{ path: rows.jsonl, format: alpaca }] }\n`,
  );
  const { code, err } = await run("check", folder.at("run.yaml"));
  assert.equal(code, 2, err);
  assert.match(err, /model has no config\.json/);
  assert.match(
    err,
    /The data have a problem, too: .*rows\.jsonl:2: .*"output"/,
  );
});

Deno.test("check says how many examples are the same as one before", async () => {
  using folder = folderOf({
    "rows.jsonl": `${alpacaRows(8)}\n${alpacaRows(2)}\n`,
  });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const { err } = await run("check", folder.at("run.yaml"));
  assert.match(
    err,
    /2 examples \(20%\) have the same tokens as one before: the command `analyze`/,
  );
  Deno.writeTextFileSync(folder.at("rows.jsonl"), alpacaRows(8));
  const single = await run("check", folder.at("run.yaml"));
  assert.doesNotMatch(single.err, /same tokens/);
});

Deno.test("inspect marks what is trained, of a row and of a step", async () => {
  using folder = tiny();
  const row = await run("inspect", folder.at("run.yaml"), "--row", "3");
  assert.match(
    row.out,
    /rows\.jsonl row 3: 9 tokens, 3 trained\n\{"instruction":"Say 3","output":"3\."\}\nSay 3↵\n«3\.<\|eos\|>»/,
  );
  const table = await run(
    "inspect",
    folder.at("run.yaml"),
    "--row=3",
    "--table",
  );
  assert.match(table.out, /257 +1 {2}assistant end +<\|eos\|>/);
  const step = await run("inspect", folder.at("run.yaml"), "--step", "2");
  assert.equal(step.out.match(/^step 2, micro-batch 0, row/gm)?.length, 4);
});

Deno.test("inspect and analyze of a data file know the parts of --plugin", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(2) });
  const decayed = `${ROOT}examples/plugin/decayed.ts`;
  const words = [
    folder.at("rows.jsonl"),
    "data.masker={use: decayed, decay: 0.5}",
    "--plugin",
    decayed,
  ];
  const { code, out, err } = await run("inspect", ...words, "--table");
  assert.equal(code, 0, err);
  assert.match(out, / 0\.5 +assistant/);
  assert.equal((await run("analyze", ...words)).code, 0);
});

Deno.test("a run with a model of a plugin ends with a command that answers; without the plugin it is named", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(4) });
  const module = `${ROOT}examples/gpt_neox_model/gpt_neox.ts`;
  Deno.writeTextFileSync(
    folder.at("run.yaml"),
    tinyRun(folder.path).replace(
      /from_config: \{[^}]*\}/,
      "from_config: { model_type: gpt_neox, vocab_size: 259, hidden_size: 16, intermediate_size: 32, " +
        "num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 }",
    ) + `plugins: [${module}]\n`,
  );
  const trained = await run("train", folder.at("run.yaml"));
  assert.equal(trained.code, 0, trained.err);
  const [, plugin] = /Ask it: .* --plugin (\S+)/.exec(trained.out) ?? [];
  assert.equal(resolve(plugin), module);
  const ask = ["generate", folder.at("outputs/run"), "-p", "a", "-n", "1"];
  const without = await run(...ask);
  assert.equal(without.code, 2);
  assert.match(
    without.err,
    new RegExp(
      `model_type is "gpt_neox", which no built-in part reads, .*: add --plugin ${module}`,
    ),
  );
  const above = await run("generate", folder.at("outputs"), "-p", "a");
  assert.match(
    above.err,
    /holds no model: .*; name one of the runs there: run\n/,
  );
  const answered = await run(
    ...ask,
    "--backend",
    "reference",
    "--plugin",
    module,
  );
  assert.equal(answered.code, 0, answered.err);
});

Deno.test("check and inspect look at the first rows of a stream, and say so", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(300) });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const asked = [
    folder.at("run.yaml"),
    "data.streaming=true",
    "training.max_steps=90",
  ];
  const check = await run("check", ...asked);
  assert.equal(check.code, 0, check.err);
  assert.match(
    check.out,
    /data +streamed with a buffer of 10,000 rows · of the 256 first rows 1,170 of 3,108 tokens trained/,
  );
  assert.match(check.out, /90 steps in all/);
  assert.match(check.out, /Say 0↵\n«0\.<\|eos\|>»/);
  assert.match(check.err, /data\.streaming: the first 256 rows are looked at/);
  const row = await run("inspect", ...asked, "--row", "255");
  assert.match(row.out, /rows\.jsonl row 255: /);
  const late = await run("inspect", ...asked, "--row", "256");
  assert.equal(late.code, 2);
  assert.match(
    late.err,
    /that were looked at \(data\.streaming: the first 256/,
  );
  // 300 rows, 4 a step, 1 epoch
  const step = await run("inspect", ...asked, "--step", "75");
  assert.equal(step.out.match(/^step 75, micro-batch 0, row/gm)?.length, 4);
  // packed: roles are those of every example of a row, whichever piece of its row it is
  const packed = await run(
    "inspect",
    ...asked,
    "data.collator=packed",
    "data.max_length=12",
    "data.truncation=split",
    "--step=3",
    "--table",
  );
  assert.match(packed.out, /assistant end +<\|eos\|>/);
  assert.match(packed.out, / user {11}S/);
  const none = await run("inspect", ...asked, "--step", "76");
  assert.equal(none.code, 2);
  assert.match(none.err, /no step 76: the data end before it/);
  const wrong = await run(
    "check",
    folder.at("run.yaml"),
    "data.streaming=true",
  );
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /`data\.streaming` needs `training\.max_steps`/);
});

Deno.test("inspect refuses rows and steps that are not there", async () => {
  using folder = tiny();
  const row = await run("inspect", folder.at("run.yaml"), "--row", "99");
  assert.equal(row.code, 2);
  assert.match(row.err, /Row 99 of .*rows\.jsonl/);
  const step = await run("inspect", folder.at("run.yaml"), "--step", "3");
  assert.equal(step.code, 2);
  assert.match(step.err, /the run has 2/);
});

Deno.test("schema prints a JSON Schema with the options of built-in and third-party parts", async () => {
  const plugin = new URL(
    "../../../examples/plugin/decayed.ts",
    import.meta.url,
  );
  const { code, out } = await run("schema", "--plugin", plugin.pathname);
  assert.equal(code, 0);
  const { $defs } = JSON.parse(out);
  assert.ok("learning_rate" in $defs["optimizer.adamw"].properties);
  assert.ok("decay" in $defs["masker.decayed"].properties);
});

Deno.test("plugins lists parts with options and who brought them", async () => {
  const file = new URL("../../../examples/plugin/run.yaml", import.meta.url);
  const { code, out } = await run("plugins", file.pathname, "--kind", "masker");
  assert.equal(code, 0);
  assert.match(
    out,
    /plugin decayed-masker 1\.0\.0, 1 part, from .*decayed\.ts/,
  );
  assert.match(out, /decayed .*\(plugin decayed-masker\)\n +decay = 0\.95: /);
  const unknown = await run("plugins", "--kind", "mask");
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.err,
    /There is no kind `mask`; did you mean `masker`\? Known: source, /,
  );
  assert.match(
    (await run("plugins", "--kind", "xyzzy")).err,
    /There is no kind `xyzzy`\. Known: source, /,
  );
});

Deno.test("plugins NAME shows one part whole, with an example that loads, where it comes from and why it may run", async () => {
  const file = new URL("../../../examples/plugin/run.yaml", import.meta.url);
  const { code, out } = await run("plugins", "decayed", file.pathname);
  assert.equal(code, 0);
  assert.match(
    out,
    /^masker decayed\nTrains answers, the first tokens most\norigin {4}plugin decayed-masker 1\.0\.0, \/.*decayed\.ts\nhash {6}sha256-[0-9a-f]{64}\ntrusted {3}it is in the folder of the run file\nasks for {2}no permission\noptions\n {2}decay = 0\.95: .*\n {2}floor = 0\.1: .*\nexample\n {2}plugins:\n {4}- \/.*decayed\.ts\n {2}data:\n {4}masker:\n {6}use: decayed\n {6}decay: 0\.95\n {6}floor: 0\.1\n$/,
  );
  const plugin = await run("plugins", "decayed-masker", file.pathname);
  assert.match(
    plugin.out,
    /^plugin decayed-masker\norigin .*\n {2}masker decayed /s,
  );
  const builtIn = await run("plugins", "optimizer/adamw", "padded");
  assert.match(
    builtIn.out,
    /^optimizer adamw\n.*\norigin {4}built in, denotune /,
  );
  assert.match(
    builtIn.out,
    /example\n {2}optimizer:\n {4}use: adamw\n {4}learning_rate: /,
  );
  assert.match(builtIn.out, /collator padded\n/);
  const unknown = await run("plugins", "adamv");
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.err,
    /no part, plugin or run file `adamv`; did you mean `adamw`\?/,
  );
});

Deno.test("every part is shown by plugins NAME", async () => {
  const names = [
    ...new Set(builtinRegistry().list().map(({ part }) => part.name)),
  ];
  const { code, out, err } = await run("plugins", ...names);
  assert.equal(code, 0, err);
  assert.equal(
    out.split("\nexample\n").length - 1,
    builtinRegistry().list().length,
  );
});

Deno.test("plugins --kind model lists types, usual sizes, what is special, and models known by name", async () => {
  const { code, out } = await run("plugins", "--kind", "model");
  assert.equal(code, 0);
  assert.match(
    out,
    /gemma3_text \(270M, 1B\): norms of each head, .*\n +gemma-3-270m, /,
  );
  assert.match(out, /lfm2 \(.*\): gated short convolutions/);
});

Deno.test("plugins --list names a run file's plugins, and where they come from, without loading one", async () => {
  using folder = folderOf({
    "run.yaml":
      'extends: ./base.yaml\nplugins: ["npm:@acme/lion@1", ./mine.ts, "https://example.org/p.ts", "jsr:@acme/x"]\n',
    "base.yaml": "plugins: [./base.ts]\n",
    "mine.ts": `Deno.writeTextFileSync(new URL("ran", import.meta.url), "")`,
    "code.ts": `Deno.writeTextFileSync(new URL("ran", import.meta.url), "")`,
    "sly.yaml": "extends: ./code.ts\n",
    "none.yaml": "seed: 1\n",
  });
  const { code, out } = await run("plugins", "--list", folder.at("run.yaml"));
  assert.equal(code, 0);
  assert.deepEqual(
    out.trim().split("\n").map((line) => line.replace(/^.*run\.yaml/, "")),
    [
      ":2:11: npm:@acme/lion@1, from registry.npmjs.org",
      "  not trusted yet: you would be asked",
      `:2:31: ${folder.at("mine.ts")}`,
      "  trusted: it is in the folder of the run file",
      ":2:42: https://example.org/p.ts, from example.org",
      "  not trusted yet: you would be asked",
      ":2:70: jsr:@acme/x, from jsr.io",
      "  not trusted yet: you would be asked",
    ],
  );
  const none = await run("plugins", "--list", folder.at("none.yaml"));
  assert.match(none.out, /none\.yaml names no plugins/);
  for (const name of ["code.ts", "sly.yaml"]) {
    const refused = await run("plugins", "--list", folder.at(name));
    assert.equal(refused.code, 2);
    assert.match(refused.err, /code\.ts is a program/);
  }
  assert.throws(() => Deno.statSync(folder.at("ran")), Deno.errors.NotFound);
});

Deno.test("plugins --list says of each plugin whether it is trusted, isolated, changed or broken", async () => {
  const code = (text: string) =>
    `globalThis.ranOf ??= []; export default ${JSON.stringify(text)};`;
  using folder = folderOf({
    "run/run.yaml":
      "untrusted_plugins: isolate\nplugins: [../new.ts, ../known.ts, ../changed.ts, ../broken.ts, {use: ../own.ts, isolated: true}, 'npm:@acme/lion@1', 'npm:@acme/old', 'npm:@acme/gone']\n",
    "new.ts": code("new"),
    "known.ts": code("known"),
    "changed.ts": code("changed"),
    "broken.ts": 'import "./gone.ts";',
    "own.ts": code("own"),
  });
  const known = `file://${folder.at("known.ts")}`;
  await loadWithoutRunning(known);
  const { hash } = await hashGraph(known);
  const decided = (plugin: string, hash: string | null) =>
    `${JSON.stringify({ plugin, version: null, hash, since: "2026-02-03" })}\n`;
  const other = `sha256-${"0".repeat(64)}`;
  using config = folderOf({
    "trust.yaml": "- npm:@acme/lion\n",
    "trusted_plugins.jsonl": decided(folder.at("elsewhere.ts"), hash) +
      decided(folder.at("changed.ts"), other) + decided("npm:@acme/old", other),
  });
  const before = Deno.env.get("DENOTUNE_CONFIG");
  Deno.env.set("DENOTUNE_CONFIG", config.path);
  try {
    const { out } = await run("plugins", "--list", folder.at("run/run.yaml"));
    assert.deepEqual(
      out.split("\n").filter((line) => line.startsWith("  ")).map((line) =>
        line.replace(/Module not found.*/, "Module not found")
          .replace(/\/.*trust\.yaml/, "trust.yaml")
      ),
      [
        "  not trusted yet: it would run isolated",
        "  trusted: you trusted this code on 2026-02-03",
        "  not the code that you trusted: it would run isolated",
        "  cannot be loaded: Module not found",
        "  isolated: it runs in a process without permissions",
        "  trusted: trust.yaml lists npm:@acme/lion",
        "  trusted before: it would run isolated if its code has changed since",
        "  not trusted yet: it would run isolated",
      ],
    );
  } finally {
    if (before === undefined) Deno.env.delete("DENOTUNE_CONFIG");
    else Deno.env.set("DENOTUNE_CONFIG", before);
  }
});

Deno.test("every option of every built-in part has a description, and a default or is required", async () => {
  const { out } = await run("plugins");
  const options = out.match(/^ {5,}\w[\w.]* ?(=|\(required\)).*/gm) ?? [];
  assert.ok(options.length > 50);
  for (const line of options) assert.match(line, /(= .+|\(required\)): ./);
});

Deno.test("doctor tells Deno, backends and folders, also as JSON", async () => {
  const { code, out } = await run("doctor", "--json");
  assert.equal(code, 0);
  const found = JSON.parse(out);
  assert.equal(found.deno, Deno.version.deno);
  const reference = found.backends.find((b: { name: string }) =>
    b.name === "reference"
  );
  assert.equal(reference.available, true);
  assert.ok(found.cores >= 1 && found.cache !== "" && found.auto !== null);
  const mpi = found.collectives.find((c: { name: string }) => c.name === "mpi");
  // installed or not, it says so
  assert.match(
    mpi.description,
    mpi.available ? /^(Open MPI|MPICH) \d/ : /no MPI library.*openmpi-bin/,
  );
});

Deno.test("doctor prints the code that backends make of a kernel", async () => {
  const { code, out } = await run(
    ...["doctor", "--kernel", "matmul", "--backend", "webgpu"],
    ...["--attributes", '{"m": 3}'],
  );
  assert.equal(code, 0);
  assert.match(out, /^\/\/ matmul NT .*\(WGSL of webgpu\)/);
  assert.match(out, /@compute/);
  for (
    const [wrong, what] of [
      [["--kernel", "matmol"], /no kernel "matmol": there are argmax/],
      [["--kernel", "matmul", "--attributes", "{m"], /no JSON object/],
      [["--kernel", "matmul", "--attributes", '{"z":1}'], /other attributes/],
      [["--kernel", "sum", "--backend", "reference"], /no code of its own/],
    ] as const
  ) {
    const refused = await run("doctor", ...wrong);
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, what);
  }
});

const SHAPES: Record<string, unknown> = {
  alpaca: { instruction: "Add 1 and 2", input: "", output: "3" },
  sharegpt: {
    conversations: [{ from: "human", value: "Hi" }, {
      from: "gpt",
      value: "Yo",
    }],
  },
  messages: {
    messages: [{ role: "user", content: "Hi" }, {
      role: "assistant",
      content: "Yo",
    }],
  },
  prompt_completion: { prompt: "Hi", completion: "Yo" },
  question_answer: { question: "Hi?", answer: "Yo" },
  text: { text: "Once upon a time" },
};

for (const [format, row] of Object.entries(SHAPES)) {
  Deno.test(`init recognises ${format} and writes a run that is accepted`, async () => {
    using folder = folderOf({
      "data.jsonl": `${JSON.stringify(row)}\n`.repeat(3),
    });
    const file = folder.at("data.yaml");
    const { code, out, err } = await run(
      "init",
      folder.at("data.jsonl"),
      "--out",
      file,
    );
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`3 rows, format ${format}`));
    assert.match(out, /train .*data\.yaml/);
    assert.equal(
      parse(Deno.readTextFileSync(file)).data.train[0].format,
      format,
    );
    const { config } = await loadRun({
      file,
      registry: await openRegistry(builtIn),
      files: "ignore",
    });
    assert.equal(config.data.train[0].path, folder.at("data.jsonl"));
    assert.equal(config.training_mode, format === "text" ? "pretrain" : "sft");
  });
}

Deno.test("init does not write over a file unless it is told to", async () => {
  using folder = folderOf({
    "data.jsonl": JSON.stringify(SHAPES.alpaca),
    "data.yaml": "mine",
  });
  const args = [
    "init",
    folder.at("data.jsonl"),
    "--out",
    folder.at("data.yaml"),
  ];
  const { code, err } = await run(...args);
  assert.equal(code, 2);
  assert.match(err, /already there.*--force/);
  assert.equal(Deno.readTextFileSync(folder.at("data.yaml")), "mine");
  assert.equal((await run(...args, "--force")).code, 0);
});

Deno.test("init writes a run file for columns that no format knows, with two of them to be checked", async () => {
  using folder = folderOf({
    "data.csv": "id,question,my reply\n1,Why?,Because.\n",
  });
  const file = folder.at("data.yaml");
  const { code, out, err } = await run(
    "init",
    folder.at("data.csv"),
    "--out",
    file,
  );
  assert.equal(code, 0, err);
  assert.match(
    out,
    /no format knows the columns id, question, my reply: CHECK/,
  );
  assert.match(out, /inspect .*data\.yaml[^]*check .*data\.yaml/);
  assert.deepEqual(parse(Deno.readTextFileSync(file)).data.train[0].format, {
    use: "custom",
    instruction_field: "id",
    response_field: "my reply",
  });
});

Deno.test("init refuses rows that have no two columns of text, and says what to write", async () => {
  using folder = folderOf({ "data.jsonl": '{"foo": "a", "bar": 1}' });
  const { code, err } = await run("init", folder.at("data.jsonl"));
  assert.equal(code, 2);
  assert.match(err, /columns foo, bar.*format: \{use: custom/s);
});

Deno.test("train, then generate from the folder, its checkpoint and its prompt options", async () => {
  using folder = tiny();
  const trained = await run(
    "train",
    folder.at("run.yaml"),
    "training.save_steps=1",
  );
  assert.equal(trained.code, 0, trained.err);
  assert.match(trained.out, /Ask it: .* generate /);
  const ask = (...args: string[]) =>
    run("generate", ...args, "--backend=reference", "-n4", "--prompt=Say 1");
  const once = await ask(folder.at("outputs/run"));
  assert.equal(once.code, 0, once.err);
  assert.equal((await ask(folder.at("outputs/run"))).out, once.out);
  assert.equal((await ask(folder.at("outputs/run/checkpoint-1"))).code, 0);
  const drawn = ["-t1", "--top-k=5", "--top-p=0.9", "--seed=3", "--raw"];
  assert.equal((await ask(folder.at("outputs/run"), ...drawn)).code, 0);
  const wrong = await ask(folder.at("outputs/run"), "--top-p=2");
  assert.equal(wrong.code, 2);
});

Deno.test("generate finds the base of an adapter, beside the run and beside a checkpoint", async () => {
  using folder = tiny("adapter: { use: lora, r: 2 }\n");
  const { code, err } = await run(
    "train",
    folder.at("run.yaml"),
    "training.save_steps=1",
  );
  assert.equal(code, 0, err);
  for (const path of ["outputs/run", "outputs/run/checkpoint-1"]) {
    const asked = await run(
      "generate",
      folder.at(path),
      "--backend=reference",
      "-n3",
      "--prompt=Say 1",
    );
    assert.equal(asked.code, 0, asked.err);
  }
});

Deno.test("generate names both readings of a folder that is not there", async () => {
  const { code, err } = await run("generate", "/nowhere/at-all");
  assert.equal(code, 2);
  assert.match(err, /no model at \/nowhere\/at-all/);
});

Deno.test("prepare writes rows and says how to train on them, which check takes", async () => {
  using folder = tiny();
  const to = folder.at("made.jsonl");
  const { code, out } = await run(
    "prepare",
    folder.at("run.yaml"),
    "--to",
    to,
    "data.eval_fraction=0.3",
  );
  assert.equal(code, 0, out);
  const rows = Deno.readTextFileSync(to).trim().split("\n");
  const [first] = rows.map((row) => JSON.parse(row));
  assert.deepEqual(Object.keys(first), ["input_ids", "labels"]);
  assert.equal(first.labels[0], -100);
  const [, text] = out.split("in the run file:\n");
  const { data } = parse(text);
  assert.equal(data.train[0].format, "pretokenized");
  const checked = await run(
    "check",
    folder.at("run.yaml"),
    `data.train=${JSON.stringify(data.train)}`,
    `data.eval=${JSON.stringify(data.eval)}`,
  );
  assert.equal(checked.code, 0, checked.err);
  assert.match(checked.out, new RegExp(`${rows.length} rows`));
  const wrong = await run("prepare", folder.at("run.yaml"), "--to", "rows.xyz");
  assert.equal(wrong.code, 2);
});
