/** Merging: the sum says what base and adapter say, here and in transformers; what cannot be merged is refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadModel, merge } from "@denotune/denotune";
import type { RunInput } from "../../../../core/config/types.ts";
import { readJsonObject, showJson } from "../../../../core/io/json_file.ts";
import { openModelFolder } from "../../../../core/io/model_folder.ts";
import { SafetensorsFile } from "../../../../core/io/read_safetensors.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../../core/io/write_safetensors.ts";
import {
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../../run_harness.ts";
import { hasModules, python } from "../../../python.ts";

const GOLDEN = new URL("../../../golden/", import.meta.url).pathname;
const backend = "reference";

/** A base and a LoRA run on it. */
async function trained(
  folder: TestFolder,
  adapter: RunInput["adapter"],
  model: Partial<RunInput["model"]> = {},
): Promise<string> {
  const rows = Array.from({ length: 8 }, (_, i) => ({
    instruction: "abcdefgh".slice(i),
    output: "xyz ".repeat(1 + i % 3),
  }));
  const run = (output: string): RunInput =>
    tinyRun(output, {
      backend,
      data: { train: [{ rows, format: "alpaca" }], max_length: 64 },
      training: { epochs: 3, batch_size: 4, save_steps: 2 },
    });
  const base = folder.at("base");
  await runConfig({
    ...run(base),
    model: {
      from_config: { ...TINY_LLAMA, hidden_size: 16, num_hidden_layers: 2 },
    },
  });
  await runConfig({
    ...run(folder.at("run")),
    model: { path: base, ...model },
    tokenizer: "huggingface",
    optimizer: { use: "adamw", learning_rate: 0.03 },
    adapter,
  });
  return folder.at("run");
}

async function answers(path: string): Promise<string[]> {
  await using model = await loadModel(path, { backend });
  const found = await model.generateAll(["abc", "hello"], { maxNewTokens: 12 });
  return found.map((a) => a.text);
}

for (
  const [name, adapter] of Object.entries({
    lora: { use: "lora", r: 4, modules_to_save: ["norm"], bias: "none" },
    dora: { use: "dora", r: 4, target_modules: ["q_proj", "down_proj"] },
    pissa: { use: "lora", r: 4, init_lora_weights: "pissa" },
  })
) {
  Deno.test(`a merged ${name} run answers as the run does, from shards with an index`, async () => {
    using folder = testFolder();
    const run = await trained(folder, adapter);
    const result = await merge(run, { backend, maxShardBytes: 20_000 });
    assert.equal(result.path, join(run, "merged"));
    assert.ok(result.changed > 0 && result.changed < result.weights);
    assert.ok(result.largestDifference <= 1e-4 * result.largestLogit);
    assert.ok(result.largestLogit > 0.1);
    assert.deepEqual(await answers(result.path), await answers(run));
    const files = [...Deno.readDirSync(result.path)].map((e) => e.name);
    assert.deepEqual([...result.files].sort(), files.sort());
    for (
      const wanted of [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors.index.json",
        "model-00002-of-00003.safetensors",
      ]
    ) assert.ok(files.includes(wanted), `${wanted} in ${files}`);
    for (
      const { name, size } of files.map((f) => ({
        name: f,
        size: Deno.statSync(join(result.path, f)).size,
      }))
    ) {
      if (/model-/.test(name)) assert.ok(size < 40_000, `${name} ${size}`);
    }
  });
}

Deno.test("a base kept in 16 bits is merged as it was trained on, rounded", async () => {
  using folder = testFolder();
  const run = await trained(
    folder,
    { use: "lora", r: 4, target_modules: ["q_proj"] },
    { dtype: "bfloat16" },
  );
  const { path } = await merge(run, { backend });
  using base = openModelFolder(folder.at("base"));
  using merged = openModelFolder(path);
  const name = "model.layers.0.mlp.up_proj.weight"; // not adapted
  const bits = (x: number) =>
    new Uint32Array(Float32Array.of(x).buffer)[0] & 0xffff;
  const values = merged.tensors.get(name)!.read();
  assert.ok(values.every((v) => bits(v) === 0), "bfloat16 numbers");
  assert.ok(base.tensors.get(name)!.read().some((v) => bits(v) !== 0));
  const small = await merge(run, {
    backend,
    dtype: "bfloat16",
    to: folder.at("small"),
  });
  assert.ok(small.largestDifference > 0);
  assert.deepEqual(
    readJsonObject(folder.at("small", "config.json"))!.dtype,
    "bfloat16",
  );
});

Deno.test("a checkpoint is merged too", async () => {
  using folder = testFolder();
  const run = await trained(folder, { use: "lora", r: 2 });
  const checkpoint = join(run, "checkpoint-2");
  const { path } = await merge(checkpoint, { backend, to: folder.at("two") });
  assert.deepEqual(await answers(path), await answers(checkpoint));
});

Deno.test("what cannot be merged is refused, and nothing is left behind", async () => {
  using folder = testFolder();
  const run = await trained(folder, { use: "lora", r: 4 });
  const names = () => [...Deno.readDirSync(run)].map((e) => e.name).sort();
  const before = names();
  const refused = (message: RegExp, from = run, more = {}) =>
    assert.rejects(() => merge(from, { backend, ...more }), message);

  await refused(/nothing to merge/, folder.at("base"));
  await refused(
    /a logit differs by .*, where the largest is .* and 0 of it is allowed\. Nothing was written/,
    run,
    { tolerance: 0 },
  );
  await refused(/there is something of that name/, run, {
    to: folder.at("base"),
  });
  const resolved = join(run, "config.resolved.yaml");
  const text = Deno.readTextFileSync(resolved);
  assert.match(text, /quantization: null/);
  Deno.writeTextFileSync(
    resolved,
    text.replace("quantization: null", "quantization: nf4"),
  );
  await refused(/it was trained on a base stored as nf4/);
  Deno.writeTextFileSync(resolved, text);
  const config = folder.at("base", "config.json");
  const kept = Deno.readTextFileSync(config);
  Deno.writeTextFileSync(
    config,
    showJson(
      {
        ...readJsonObject(config)!,
        quantization_config: { load_in_4bit: true },
      } as Parameters<typeof showJson>[0],
    ),
  );
  await refused(/stored quantised/);
  Deno.writeTextFileSync(config, kept);

  const file = join(run, "adapter_model.safetensors");
  const stored = new Map<
    string,
    { shape: readonly number[]; data: Float32Array }
  >();
  {
    using open = new SafetensorsFile(file);
    for (const [name, t] of open.tensors) {
      stored.set(name, { shape: t.shape, data: t.read() });
    }
  }
  const write = (tensors: typeof stored) =>
    writeSafetensors(
      file,
      [...tensors].map(([n, t]) => tensorOf(n, t.shape, t.data)),
      { dtype: "F32" },
    );
  const [first] = stored.keys();
  await write(new Map([...stored].filter(([name]) => name !== first)));
  await refused(/lacks 1 of 28/);
  // a broken adapter: its logits are no numbers
  await write(
    new Map([...stored].map(([name, t]) => [
      name,
      { ...t, data: t.data.map(() => 1e30) },
    ])),
  );
  await refused(/a logit differs by NaN|cannot hold|not finite/);
  await write(stored);
  assert.deepEqual(names(), before);
});

const hasPeft = hasModules("transformers", "peft");
for (
  const name of [
    "llama-gqa-untied-lora",
    "llama-gqa-untied-dora",
    "llama-gqa-untied-lm-head",
    "gpt2-tied-patterns",
  ]
) {
  Deno.test({
    name: `PEFT's ${name}, merged here, gives PEFT's logits in transformers`,
    ignore: !hasPeft,
    async fn() {
      using folder = testFolder();
      const golden = JSON.parse(
        Deno.readTextFileSync(`${GOLDEN}lora/${name}.json`),
      );
      for (const file of Deno.readDirSync(`${GOLDEN}lora/${name}`)) {
        Deno.mkdirSync(folder.at("adapter"), { recursive: true });
        Deno.copyFileSync(
          `${GOLDEN}lora/${name}/${file.name}`,
          folder.at("adapter", file.name),
        );
      }
      const config = readJsonObject(
        folder.at("adapter", "adapter_config.json"),
      )!;
      Deno.writeTextFileSync(
        folder.at("adapter", "adapter_config.json"),
        showJson(
          {
            ...config,
            base_model_name_or_path: `${GOLDEN}models/${golden.base}`,
          } as Parameters<typeof showJson>[0],
        ),
      );
      const { path } = await merge(folder.at("adapter"), {
        backend,
        maxShardBytes: 20_000,
      });
      const ids: number[] = golden.input_ids[0].slice(0, golden.lengths[0]);
      const found = await witness(path, ids);
      assert.deepEqual(found.problems, []);
      assert.equal(found.kind, "model");
      let largest = 0;
      found.logits.forEach((row, t) =>
        row.forEach((v, i) => {
          largest = Math.max(largest, Math.abs(v - golden.logits["0"][t][i]));
        })
      );
      assert.ok(largest < 2e-5, `${largest}`);
    },
  });
}

async function witness(path: string, ids: readonly number[]): Promise<{
  kind: string;
  problems: string[];
  logits: number[][];
}> {
  const printed = await python([
    `${GOLDEN}witness_load.py`,
    path,
    "--ids",
    ids.join(","),
  ]);
  return JSON.parse(printed);
}

Deno.test("an adapter that is no number is refused by name, without advice on the tolerance", async () => {
  using folder = testFolder();
  const run = await trained(folder, { use: "lora", r: 4 });
  const path = join(run, "adapter_model.safetensors");
  const bad = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
  const tensors = (() => {
    using file = new SafetensorsFile(path);
    return [...file.tensors].map(([name, t]) =>
      tensorOf(
        name,
        t.shape,
        name === bad ? t.read().fill(NaN, 0, 1) : t.read(),
      )
    );
  })();
  await writeSafetensors(path, tensors, { dtype: "F32" });
  await assert.rejects(
    () => merge(run, { backend }),
    (error: Error) =>
      error.name === "DataError" && error.message.includes(bad) &&
      error.message.includes("not finite") &&
      !error.message.includes("tolerance"),
  );
});

Deno.test("a table that is trained apart from its tied head is merged into a model with a head of its own", async () => {
  using folder = testFolder();
  const run = await trained(folder, {
    use: "lora",
    r: 4,
    modules_to_save: ["embed_tokens"],
    ensure_weight_tying: false,
  });
  const settings = readJsonObject(join(run, "adapter_config.json"))!;
  assert.equal(settings.ensure_weight_tying, false);
  const table = "model.embed_tokens.weight";
  using trainedTensors = new SafetensorsFile(
    join(run, "adapter_model.safetensors"),
  );
  assert.ok(!trainedTensors.tensors.has("base_model.model.lm_head.weight"));
  using base = openModelFolder(folder.at("base"));
  const { path } = await merge(run, { backend });
  using merged = openModelFolder(path);
  assert.equal(merged.config.tie_word_embeddings, false);
  const first = base.tensors.get(table)!.read();
  const tuned = trainedTensors.tensors.get(`base_model.model.${table}`)!.read();
  assert.deepEqual(merged.tensors.get("lm_head.weight")!.read(), first);
  assert.deepEqual(merged.tensors.get(table)!.read(), tuned);
  assert.notDeepEqual(tuned, first);
  assert.deepEqual(await answers(path), await answers(run));
});
