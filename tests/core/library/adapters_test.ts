/** Adapters on one base: going on from one, switching between several, and refusing those that do not fit. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadModel, type LoadModelOptions } from "@denotune/denotune";
import type { RunInput } from "../../../core/config/types.ts";
import { openAdapterFile } from "../../../core/io/adapter_file.ts";
import { readJsonObject, showJson } from "../../../core/io/json_file.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import {
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../run_harness.ts";

const reference = "reference";
const PROMPTS = ["abc", "hello there", "gggg"];

/** A trained base and runs of adapters on it, each on rows of its own. */
async function trained(
  folder: TestFolder,
  adapters: Readonly<Record<string, RunInput["adapter"]>>,
): Promise<string> {
  const base = folder.at("base");
  await runConfig(small(base, "base"));
  for (const [name, adapter] of Object.entries(adapters)) {
    await runConfig(onBase(folder, name, adapter));
  }
  return base;
}

function rowsOf(name: string) {
  return Array.from({ length: 8 }, (_, i) => ({
    instruction: "abcdefgh".slice(i),
    output: `${name.repeat(1 + i % 3)} ${name}`,
  }));
}

function small(output: string, name: string): RunInput {
  return tinyRun(output, {
    backend: reference,
    model: {
      from_config: { ...TINY_LLAMA, hidden_size: 16, num_hidden_layers: 1 },
    },
    data: { train: [{ rows: rowsOf(name), format: "alpaca" }], max_length: 64 },
    training: { epochs: 4, batch_size: 4 },
  });
}

function onBase(
  folder: TestFolder,
  name: string,
  adapter: RunInput["adapter"],
): RunInput {
  return {
    ...small(folder.at(name), name),
    model: { path: folder.at("base") },
    tokenizer: "huggingface",
    optimizer: { use: "adamw", learning_rate: 0.05 },
    adapter,
  };
}

const lora = { use: "lora", r: 4, lora_alpha: 8 };

async function answers(
  path: string,
  adapters: Record<string, string> = {},
): Promise<string[]> {
  await using model = await loadModel(path, { backend: reference, adapters });
  return await texts(model);
}

async function texts(
  model: Awaited<ReturnType<typeof loadModel>>,
): Promise<string[]> {
  const found = await model.generateAll(PROMPTS, { maxNewTokens: 12 });
  return found.map((a) => a.text);
}

Deno.test("several adapters answer on one base, each as it does alone, and the base as without them", async () => {
  using folder = testFolder();
  const base = await trained(folder, {
    one: lora,
    two: lora,
    wide: { ...lora, r: 8, target_modules: ["q_proj", "v_proj"] },
    dora: { ...lora, use: "dora" },
    whole: { ...lora, modules_to_save: ["norm"], init_lora_weights: "pissa" },
  });
  const names = ["one", "two", "wide", "dora", "whole"];
  const alone = new Map<string | null, string[]>([[null, await answers(base)]]);
  for (const name of names) alone.set(name, await answers(folder.at(name)));
  const different = new Set([...alone.values()].map((t) => t.join("|")));
  assert.ok(different.size >= 5, `${different.size} kinds of answers`);

  await using model = await loadModel(base, {
    backend: reference,
    adapters: Object.fromEntries(names.map((n) => [n, folder.at(n)])),
  });
  assert.deepEqual(model.adapters, names);
  assert.equal(model.adapter, "one");
  assert.deepEqual(await texts(model), alone.get("one"));
  for (
    const name of [
      ...["two", null, "one", "wide", null, "two", "dora", null],
      ...["whole", null, "whole", "one", null],
    ]
  ) {
    await model.use(name);
    assert.equal(model.adapter, name);
    assert.deepEqual(await texts(model), alone.get(name), String(name));
  }
  await assert.rejects(
    () => model.use("three"),
    /no adapter called "three"; known: one, two, wide, dora, whole/,
  );
  await using own = await loadModel(folder.at("two"), {
    backend: reference,
    adapters: { one: folder.at("one") },
  });
  assert.deepEqual(own.adapters, ["default", "one"]);
  assert.deepEqual(await texts(own), alone.get("two"));
  await own.use("one");
  assert.deepEqual(await texts(own), alone.get("one"));
});

Deno.test("an adapter answers beside the base that it was trained beside: in as many bits, unless told otherwise", async () => {
  using folder = testFolder();
  const { of } = await runConfig({
    ...small(folder.at("run"), "x"),
    model: {
      from_config: { ...TINY_LLAMA, initializer_range: 0.3 },
      quantization: "nf4",
      quantization_pattern: { "*.q_proj.weight": "int8" },
    },
    adapter: lora,
    optimizer: { use: "adamw", learning_rate: 0.05 },
    samples: { prompts: PROMPTS, at: ["end"] },
    generation: { max_new_tokens: 12, temperature: 0 },
  });
  const trained = of("sample").map((e) => e.text);
  assert.equal(trained.length, PROMPTS.length);
  const notices: string[] = [];
  const answered = async (options: Omit<LoadModelOptions, "backend">) => {
    await using model = await loadModel(folder.at("run"), {
      backend: reference,
      onNotice: (text) => notices.push(text),
      ...options,
    });
    return await texts(model);
  };
  assert.deepEqual(await answered({}), trained);
  assert.deepEqual(notices, [
    "The base is stored as nf4, as the adapter was trained",
  ]);
  assert.notDeepEqual(await answered({ quantization: null }), trained);
  assert.equal(notices.length, 1);
});

Deno.test("a run continues from an adapter: settings and numbers are the folder's", async () => {
  using folder = testFolder();
  const evaluated = (run: RunInput): RunInput => ({
    ...run,
    data: {
      ...run.data,
      eval: [{ rows: rowsOf("first"), format: "alpaca" }],
    },
    training: { ...run.training, eval_on_start: true },
  });
  await trained(folder, {});
  const first = await runConfig(evaluated(
    onBase(folder, "first", {
      ...lora,
      r: 6,
      target_modules: ["q_proj", "down_proj"],
      modules_to_save: ["norm"],
      lora_dropout: 0.1,
    }),
  ));
  const losses = first.of("eval").map((e) => e.eval_loss!);
  assert.ok(losses.at(-1)! < losses[0] - 0.1);
  const second = await runConfig(evaluated(
    onBase(folder, "second", {
      use: "lora",
      from: folder.at("first"),
      target_modules: ["down_proj", "q_proj"],
      lora_dropout: 0.2,
    }),
  ));
  assert.equal(second.of("eval")[0].eval_loss, losses.at(-1));
  const config = (name: string) => {
    const { lora_dropout, ...rest } = readJsonObject(
      folder.at(name, "adapter_config.json"),
    )!;
    return { rest, lora_dropout };
  };
  assert.deepEqual(config("second").rest, config("first").rest);
  assert.equal(config("second").lora_dropout, 0.2);
  await assert.rejects(
    () =>
      runConfig(onBase(folder, "third", {
        use: "lora",
        from: folder.at("first"),
        r: 8,
        lora_alpha: 4,
      })),
    /cannot continue from .*first with other settings: r is 8, there 6; lora_alpha is 4, there 8\. Leave them out/,
  );
  await assert.rejects(
    () =>
      runConfig(onBase(folder, "third", {
        use: "dora",
        from: folder.at("first"),
      })),
    /use_dora is true, there false/,
  );
  await assert.rejects(
    () =>
      runConfig(onBase(folder, "third", {
        use: "lora",
        from: folder.at("base"),
      })),
    /base holds no adapter: it has no adapter_config\.json/,
  );
});

/** A copy of an adapter with other tensors. */
async function changed(
  from: string,
  to: string,
  change: (name: string, shape: readonly number[]) => {
    name: string;
    shape: readonly number[];
  } | null,
): Promise<void> {
  Deno.mkdirSync(to);
  for (const { name, isFile } of Deno.readDirSync(from)) {
    if (isFile) Deno.copyFileSync(join(from, name), join(to, name));
  }
  using file = openAdapterFile(from);
  const tensors = [...file.tensors.values()].flatMap((t) => {
    const made = change(t.name, t.shape);
    if (made === null) return [];
    const size = made.shape.reduce((a, b) => a * b, 1);
    return [tensorOf(made.name, made.shape, new Float32Array(size).fill(0.1))];
  });
  await writeSafetensors(join(to, "adapter_model.safetensors"), tensors, {
    dtype: "F32",
  });
}

Deno.test("adapters that do not fit are refused, with what was found", async () => {
  using folder = testFolder();
  const base = await trained(folder, { good: lora });
  const good = folder.at("good");
  const refused = async (name: string, message: RegExp) => {
    const options = { backend: reference, adapters: { x: folder.at(name) } };
    await assert.rejects(() => loadModel(base, options), message, name);
    await assert.rejects(
      () =>
        runConfig(
          onBase(folder, "run", { use: "lora", from: folder.at(name) }),
        ),
      message,
      name,
    );
  };
  const q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
  await changed(
    good,
    folder.at("missing"),
    (name, shape) => name === q ? null : { name, shape },
  );
  await refused(
    "missing",
    /do not fit this model .* it lacks 1 of 14: base_model\.model\.model\.layers\.0\.self_attn\.q_proj\.lora_A\.weight\. Is it the adapter of another base\?/,
  );
  await changed(good, folder.at("surplus"), (name, shape) => ({ name, shape }));
  const config = readJsonObject(folder.at("surplus", "adapter_config.json"))!;
  const written = (more: Record<string, unknown>) =>
    Deno.writeTextFileSync(
      folder.at("surplus", "adapter_config.json"),
      showJson({ ...config, ...more } as Parameters<typeof showJson>[0]),
    );
  written({ target_modules: ["q_proj"] });
  await refused(
    "surplus",
    /12 are not accounted for by adapter_config\.json: .*k_proj\.lora_A/,
  );
  written({ target_modules: ["query"] });
  await refused(
    "surplus",
    /No linear layer is chosen by adapter\.target_modules: query\. There are: model\.layers\.\*\.self_attn\.q_proj/,
  );
  written({ r: 64 });
  await refused(
    "surplus",
    /q_proj\.lora_A\.weight is \(4, 16\), expected \(64, 16\)/,
  );
  written({ peft_type: "IA3" });
  await refused("surplus", /adapter of kind "IA3"/);
  // the adapter of a wider model of the same family
  await changed(good, folder.at("wider"), (name, shape) => ({
    name,
    shape: shape.map((d) => d === 16 ? 32 : d),
  }));
  await refused(
    "wider",
    /\d+ have another shape: .*q_proj\.lora_A\.weight is \(4, 32\), expected \(4, 16\)/,
  );
  Deno.mkdirSync(folder.at("old"));
  Deno.copyFileSync(
    join(good, "adapter_config.json"),
    folder.at("old", "adapter_config.json"),
  );
  Deno.writeTextFileSync(folder.at("old", "adapter_model.bin"), "pickle");
  await refused("old", /adapter_model\.bin, which can hold programs/);
  await assert.rejects(
    () => loadModel(base, { backend: reference, adapters: { x: base } }),
    /holds no adapter/,
  );
});
