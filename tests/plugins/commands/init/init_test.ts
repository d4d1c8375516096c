import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { loadRun } from "../../../../core/config/load.ts";
import { openRegistry } from "../../../../core/config/parts/open_registry.ts";
import { builtIn } from "../../../../plugins/library.ts";
import { alpacaRows, folderOf, run } from "../../../core/cli/_run.ts";

/** The run that a file describes, its models and data not looked for. */
async function loaded(file: string) {
  const registry = await openRegistry(builtIn);
  return (await loadRun({ file, registry, files: "ignore" })).config;
}

/** Writes files, with the folders that they are in. */
function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(join(root, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(root, name), text);
  }
}

Deno.test("init reads a folder, and keeps rows within the model's positions", async () => {
  using folder = folderOf({});
  write(folder.path, {
    "my data (v1)/a.jsonl": alpacaRows(2),
    "my data (v1)/b.jsonl": alpacaRows(3),
    "model/config.json": JSON.stringify({
      model_type: "gpt2",
      n_positions: 512,
    }),
  });
  const data = folder.at("my data (v1)");
  const file = folder.at("run.yaml");
  const { code, out, err } = await run(
    "init",
    data,
    `--model=${folder.at("model")}`,
    `--out=${file}`,
  );
  assert.equal(code, 0, err);
  assert.match(out, /5 rows of 2 files, format alpaca/);
  assert.match(out, /has 512 positions: max_length is 512/);
  assert.match(out, /inspect .*run\.yaml[^]*check .*run\.yaml/);
  const written = parse(Deno.readTextFileSync(file));
  assert.equal(written.data.max_length, 512);
  assert.equal(written.data.train[0].path, "my data (v1)");
  const config = await loaded(file);
  assert.equal(config.data.train[0].path, data);
});

Deno.test("init writes 1,024 tokens a row where the model has more positions, or says nothing that is read", async () => {
  using folder = folderOf({});
  const configs = [
    '{"max_position_embeddings": 8192}',
    '{"text_config": {"max_position_embeddings": 2048}}',
    '{"max_position_embeddings": "many"}',
    "[]",
    "{",
  ];
  for (const [i, config] of configs.entries()) {
    write(folder.path, {
      "rows.jsonl": alpacaRows(2),
      [`model${i}/config.json`]: config,
    });
    const file = folder.at(`run${i}.yaml`);
    const { code, err } = await run(
      "init",
      folder.at("rows.jsonl"),
      `--model=${folder.at(`model${i}`)}`,
      `--out=${file}`,
    );
    assert.equal(code, 0, err);
    const written = parse(Deno.readTextFileSync(file));
    assert.equal(written.data.max_length, 1024);
  }
});

Deno.test("init says what a row of a text file is, and trains on every token", async () => {
  using folder = folderOf({});
  write(folder.path, { "notes/a.txt": "Once\n\nupon", "b.txt": "a\nb\n" });
  for (const data of ["notes", "b.txt"]) {
    const file = folder.at(`${data}.yaml`);
    const { code, err } = await run("init", folder.at(data), `--out=${file}`);
    assert.equal(code, 0, err);
    const text = Deno.readTextFileSync(file);
    assert.deepEqual(parse(text).data.train[0].format, {
      use: "text",
      sample_by: "line",
    });
    assert.match(text, /# sample_by: .* line, a paragraph or a document/);
    assert.equal((await loaded(file)).training_mode, "pretrain");
  }
});

Deno.test("init names what is not there: data, rows, the folder of its own file", async () => {
  using folder = folderOf({});
  write(folder.path, { "data.jsonl": alpacaRows(2), "empty/README.md": "" });
  const refused = async (...args: string[]) => {
    const { code, err } = await run("init", ...args);
    assert.equal(code, 2, err);
    return err;
  };
  assert.match(
    await refused(
      folder.at("data.jsonl"),
      `--out=${folder.at("absent/run.yaml")}`,
    ),
    /there is no folder .*absent; make it/,
  );
  assert.match(
    await refused(folder.at("typo.jsonl")),
    /There is no file or folder .*typo\.jsonl/,
  );
  assert.match(await refused(folder.at("empty")), /folder .*empty/);
});

Deno.test("init takes a short name, and writes what is known of the model", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(2) });
  const written = async (...args: string[]) => {
    const file = folder.at("run.yaml");
    const { code, out, err } = await run(
      "init",
      folder.at("rows.jsonl"),
      `--out=${file}`,
      "--force",
      ...args,
    );
    assert.equal(code, 0, err);
    await loaded(file);
    const text = Deno.readTextFileSync(file);
    return { out, err, text, run: parse(text) };
  };
  const gemma = await written("--model=gemma3-270m-it");
  assert.equal(gemma.run.model.path, "google/gemma-3-270m-it");
  assert.match(gemma.out, /gemma3-270m-it is google\/gemma-3-270m-it/);
  assert.match(gemma.out, /asks for a login: .* HF_TOKEN/);
  assert.match(gemma.text, /default` adapts only q_proj, v_proj, as PEFT/);
  assert.match(
    gemma.text,
    /template: auto # .*`gemma`.*end with <end_of_turn>/,
  );
  assert.equal(gemma.run.training.batch_size, 4);
  assert.equal(gemma.run.model.dtype, undefined);

  const smol = await written("--model=SmolLM3-3B");
  assert.equal(smol.run.model.dtype, "bfloat16");
  assert.equal(smol.run.training.batch_size, 1);
  assert.equal(smol.run.training.gradient_checkpointing, true);
  assert.equal(smol.run.optimizer.learning_rate, 1e-4);
  assert.doesNotMatch(smol.text, /as PEFT does/);

  const mistral = await written("--model=mistralai/Mistral-7B-v0.3");
  assert.equal(mistral.run.model.quantization, "nf4");

  const bert = await written("--model=EuroBERT-210m");
  assert.equal(bert.run.objective, "masked-diffusion");

  const pythia = await written(
    "--model=pythia-70m",
    `--plugin=${
      new URL(
        "../../../../examples/gpt_neox_model/gpt_neox.ts",
        import.meta.url,
      ).pathname
    }`,
  );
  assert.equal(pythia.run.model.path, "EleutherAI/pythia-70m");

  const near = await written("--model=google/gemma-3-270");
  assert.equal(near.run.model.path, "google/gemma-3-270");
  assert.match(near.err, /not among .* nearest is google\/gemma-3-270m/);
});

Deno.test("init refuses a name that nobody knows, and names the nearest", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(2) });
  const { code, err } = await run(
    "init",
    folder.at("rows.jsonl"),
    `--out=${folder.at("run.yaml")}`,
    "--model=gemma-4-270m",
  );
  assert.equal(code, 2);
  assert.match(
    err,
    /no model is known by this name; the nearest is gemma-3-270m/,
  );
  assert.match(err, /one of: .*Qwen3-0\.6B/);
});
