/**
 * What runs save, loaded by transformers and PEFT (`witness_load.py`): no tensor missing or left over, the same
 * logits, token ids and chat template as ours. Skipped, with a message, where python3 has no transformers.
 *
 * Tolerance: 1e-4 on logits of size 1 to 15, as for all models: float32 in another order of sums (measured
 * 1e-5). Ids and texts are equal.
 */
import { beside } from "../../core/config/parts/create_part.ts";
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadModel } from "@denotune/denotune";
import {
  createPart,
  creatingWith,
  type Message,
} from "@denotune/denotune/core";
import type { RunInput } from "../../core/config/types.ts";
import { cpu } from "../../backends/cpu/mod.ts";
import { loraAdapter } from "../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../plugins/adapters/_options.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import {
  attachTo,
  inputsOf,
  lossOf,
  openAdapted,
  readBase,
  readTensors,
} from "../conformance/adapter/run.ts";
import { layOut, openTiny } from "../conformance/model/tiny_model.ts";
import {
  builtinRegistry,
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../run_harness.ts";
import { testData } from "../test_data.ts";
import { openBackend } from "./_backends.ts";
import { hasModules, python } from "../python.ts";

const SCRIPT = new URL("witness_load.py", import.meta.url).pathname;
const TEXT = 'Once upon a time, Lily said: "Hi!"\n3 × 4 = 12 🙂';
const MESSAGES: readonly Message[] = [
  { role: "user", content: "What is 2 + 2?" },
  { role: "assistant", content: "It is 4." },
  { role: "user", content: "And 3 + 3?" },
];

interface Witness {
  readonly kind: "model" | "adapter";
  readonly parameters: number;
  readonly eos_token_id: number | readonly number[] | null;
  readonly problems: readonly string[];
  readonly logits: readonly (readonly number[])[];
  readonly continuation_ids: readonly number[];
  readonly eos_token: string | null;
  readonly has_chat_template: boolean;
  readonly text_ids_by_file: readonly number[];
  readonly text_decoded: string;
  readonly chat_text?: string;
  readonly chat_ids?: readonly number[];
}

const ignore = !hasModules("torch", "transformers", "peft");

async function witness(
  folder: string,
  ids: readonly number[],
  options: { chat: boolean; base?: string },
): Promise<Witness> {
  const printed = await python([
    SCRIPT,
    folder,
    ...options.base === undefined ? [] : [options.base],
    "--ids",
    ids.join(","),
    "--text",
    TEXT,
    "--max-new-tokens",
    "12",
    ...options.chat
      ? ["--messages", JSON.stringify(MESSAGES), "--add-generation-prompt"]
      : [],
  ]);
  return JSON.parse(printed);
}

/** What we make of the saved folder, beside what Python makes of it. */
async function compare(
  folder: string,
  options: { chat: boolean; base?: string },
): Promise<Witness> {
  await using loaded = await loadModel(folder, {
    backend: { use: "cpu", workers: 2 },
  });
  const { tokenizer } = loaded;
  const ids = [...tokenizer.encode(TEXT, { addBos: true }).ids].slice(0, 40);
  const found = await witness(folder, ids, options);
  assert.deepEqual(found.problems, []);
  assert.deepEqual(
    [...tokenizer.encode(TEXT, { addBos: true }).ids],
    found.text_ids_by_file,
  );
  if (options.chat) {
    assert.ok(found.has_chat_template);
    const registry = builtinRegistry();
    const creating = creatingWith(registry, { modelDir: folder, base: folder });
    const template = await createPart(
      "template",
      "tokenizer",
      beside(creating, { tokenizer }),
    );
    const { text, addBos } = template.prompt({ messages: MESSAGES });
    assert.equal(text, found.chat_text);
    assert.deepEqual(
      [...tokenizer.encode(text, { addBos }).ids],
      found.chat_ids,
    );
  }
  return found;
}

/** Logits of a saved model by our own loader. */
async function ourLogits(
  folder: string,
  ids: readonly number[],
): Promise<Float32Array> {
  using files = openModelFolder(folder);
  const architecture = files.config.model_type === "gpt2"
    ? gpt2Architecture
    : llamaArchitecture;
  const spec = architecture.describe(files.config);
  await using device = await openBackend(cpu);
  await using model = await openTiny(device, spec, { maxLength: 64 });
  const { surplus } = await loadWeights(files, {
    spec,
    weights: model.inventory.weights,
  }, {
    dtypeOf: () => "f32",
    sink: ({ name, data }) => model.write(name, data),
  });
  assert.deepEqual(surplus, []);
  const row = { ids, labels: [-100, ...ids.slice(1)] };
  return await model.logits(layOut([[row]]));
}

async function compareModel(
  folder: string,
  options: { chat: boolean },
): Promise<void> {
  const found = await compare(folder, options);
  assert.equal(found.kind, "model");
  const ids = found.text_ids_by_file.slice(0, 40);
  const logits = await ourLogits(folder, ids);
  const wanted = found.logits.flat();
  assert.equal(logits.length, wanted.length);
  wanted.forEach((w, i) =>
    assert.ok(
      Math.abs(logits[i] - w) < 1e-4,
      `logit ${i}: ${logits[i]}, transformers ${w}`,
    )
  );
}

/** A run on the saved folder that changes nothing has the loss that the run before ended with. */
async function assertSameEvaluation(
  folder: TestFolder,
  config: RunInput,
  evalLoss: number | null,
): Promise<void> {
  const again = await runConfig({
    ...config,
    output_dir: folder.at("again"),
    model: { path: folder.at("saved") },
    tokenizer: "huggingface",
    adapter: null,
    optimizer: { use: "sgd", learning_rate: 0 },
    training: { ...config.training, max_steps: 1 },
  });
  const found = again.result.metrics.eval_loss;
  assert.ok(
    Math.abs((found ?? NaN) / (evalLoss ?? NaN) - 1) < 1e-6,
    `${found}, the run ended with ${evalLoss}`,
  );
}

const CHATML = { use: "chatml" } as const;
const rows = tinyRows(40).map(({ instruction, output }) => ({
  messages: [
    { role: "user", content: instruction },
    { role: "assistant", content: output },
  ],
}));

function chatRun(folder: TestFolder, model: RunInput["model"]): RunInput {
  return tinyRun(folder.at("saved"), {
    model,
    data: {
      train: [{ rows, format: "messages" }],
      eval: [{ rows: rows.slice(0, 5), format: "messages" }],
      template: CHATML,
      max_length: 160,
    },
    training: { max_steps: 6 },
  });
}

const FROM_CONFIG: Readonly<Record<string, RunInput["model"]>> = {
  "a tied llama": { from_config: TINY_LLAMA },
  "an untied llama": {
    from_config: { ...TINY_LLAMA, tie_word_embeddings: false },
  },
  "a qwen3": {
    from_config: { ...TINY_LLAMA, model_type: "qwen3", head_dim: 16 },
  },
  "a gpt2": {
    from_config: {
      model_type: "gpt2",
      vocab_size: 259,
      n_positions: 256,
      n_embd: 32,
      n_layer: 2,
      n_head: 4,
    },
  },
  "a llama in bfloat16": {
    from_config: TINY_LLAMA,
    save_dtype: "bfloat16",
  },
};

for (const [name, model] of Object.entries(FROM_CONFIG)) {
  Deno.test({
    name:
      `transformers loads ${name} made from its config, byte tokenizer and chat template included`,
    ignore,
    async fn() {
      using folder = testFolder();
      const config = chatRun(folder, model);
      const { result } = await runConfig(config);
      await compareModel(folder.at("saved"), { chat: true });
      if (model.save_dtype === undefined) {
        await assertSameEvaluation(
          folder,
          config,
          result.metrics.eval_loss ?? null,
        );
      }
    },
  });
}

const stories = testData("models/stories260k");

function storiesRun(folder: TestFolder, more: Partial<RunInput>): RunInput {
  return tinyRun(folder.at("saved"), {
    model: { path: stories },
    tokenizer: "huggingface",
    ...more,
    data: {
      train: [{ rows: tinyRows(20), format: "alpaca" }],
      eval: [{ rows: tinyRows(5, 2), format: "alpaca" }],
      max_length: 200,
    },
    training: { max_steps: 5 },
  });
}

for (const dtype of ["float32", "bfloat16"] as const) {
  Deno.test({
    name: `transformers loads stories260k fine-tuned and saved in ${dtype}`,
    ignore: ignore || stories === null,
    async fn() {
      using folder = testFolder();
      const config = storiesRun(folder, {
        model: { path: stories, save_dtype: dtype },
      });
      const { result } = await runConfig(config);
      await compareModel(folder.at("saved"), { chat: false });
      using files = openModelFolder(folder.at("saved"));
      for (const { dtype: stored } of files.tensors.values()) {
        assert.equal(stored, dtype === "float32" ? "F32" : "BF16");
      }
      if (dtype === "float32") {
        const loss = result.metrics.eval_loss ?? null;
        await assertSameEvaluation(folder, config, loss);
      }
    },
  });
}

for (const base of ["a folder", "a config"] as const) {
  Deno.test({
    name: `PEFT loads a LoRA adapter whose base is ${base}`,
    ignore: ignore || stories === null,
    async fn() {
      using folder = testFolder();
      const adapter = { use: "lora", r: 4, lora_alpha: 8 };
      const config = base === "a folder"
        ? storiesRun(folder, { adapter })
        : { ...chatRun(folder, { from_config: TINY_LLAMA }), adapter };
      await runConfig(config);
      const saved = folder.at("saved");
      const basePath = base === "a folder" ? stories! : join(saved, "base");
      // PEFT takes a relative path from the working directory: the base beside the adapter is named to it
      const found = await compare(saved, {
        chat: base === "a config",
        ...base === "a config" ? { base: basePath } : {},
      });
      assert.equal(found.kind, "adapter");
      const ids = found.text_ids_by_file.slice(0, 40);

      // our loss of these ids, and that of PEFT's logits
      const made = await readBase(basePath);
      const settings = JSON.parse(
        Deno.readTextFileSync(join(saved, "adapter_config.json")),
      );
      const attached = attachTo(
        made,
        loraAdapter(loraOptions.parse({})).configured!(settings)!,
      );
      const tensors = readTensors(join(saved, "adapter_model.safetensors"));
      await using device = await openBackend(cpu);
      await using engine = await openAdapted(device, made, {
        adapter: attached,
        tensors,
        B: 1,
        T: ids.length,
      });
      const ours = await lossOf(
        engine,
        inputsOf({ input_ids: [ids], labels: [ids], lengths: [ids.length] }),
      );
      const theirs = lossOfLogits(found.logits, ids);
      assert.ok(Math.abs(ours - theirs) < 1e-5, `${ours}, PEFT ${theirs}`);
      assert.ok(
        [...tensors].some(([n, t]) =>
          n.includes("lora_B") && t.some((v) => v !== 0)
        ),
        "the adapter was trained",
      );
    },
  });
}

function lossOfLogits(
  logits: readonly (readonly number[])[],
  ids: readonly number[],
): number {
  let sum = 0;
  for (let t = 0; t + 1 < ids.length; t++) {
    const most = Math.max(...logits[t]);
    const total = logits[t].reduce((n, x) => n + Math.exp(x - most), 0);
    sum += most + Math.log(total) - logits[t][ids[t + 1]];
  }
  return sum / (ids.length - 1);
}
