/**
 * The seed "SFT Training Guide" of a masked diffusion model: its commands, data formats, mixtures and errors, in this
 * program's words.
 *
 * | the guide                                  | here                                             |
 * | ------------------------------------------ | ------------------------------------------------ |
 * | `train.py data=sft model=flex-qwen-1b`     | `train train.yaml data=sft model=flex-qwen-1b`   |
 * | `training_mode=sft`                        | the same                                         |
 * | `data.dataset_name`, `dataset_config_name` | `data.train.0.path`, `data.train.0.name`         |
 * | `data.sft.format=alpaca`                   | `data.train.0.format=alpaca`                     |
 * | `data.hf_datasets` with weights            | `data.train` with weights                        |
 * | `sft.instruction_response_separator`       | `data.template={use: plain, separator: ...}`     |
 * | `sft.custom_format`                        | `format: {use: custom, instruction_field: ...}`  |
 * | `model.attention_kernel=default`           | no such key: there is one attention              |
 */
import assert from "node:assert/strict";
import { inspect, loadModel } from "@denotune/denotune";
import { type Folder, folderOf, run } from "../core/cli/_run.ts";

const SEPARATOR = "\n\n### Response:\n";
const QUESTION = "What is the capital of France?";
const ANSWER = "The capital of France is Paris.";
const SYSTEM = "You are a helpful assistant.";

const lines = (...rows: readonly unknown[]) =>
  rows.map((row) => JSON.stringify(row)).join("\n");
const copies = (row: unknown) => lines(...Array.from({ length: 6 }, () => row));

const BASE = `output_dir: OUTPUT
backend: { use: cpu, blas: off, workers: 1 }
seed: 3
tokenizer: byte
objective: { use: masked-diffusion, fill_answer_to: 40, steps: 8, eval_draws: 2 }
training: { max_steps: 2, batch_size: 2, logging_steps: 1, save_steps: null, eval_steps: null }
trackers: [jsonl]
`;

/** A small Qwen3 in the place of the guide's: no network is needed. */
const MODEL =
  `from_config: { model_type: qwen3, vocab_size: 259, hidden_size: 16,
  intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8,
  max_position_embeddings: 256, tie_word_embeddings: true, bos_token_id: 256, eos_token_id: 257 }
`;

const SFT = `train: [{ path: ../alpaca.jsonl, format: alpaca }]
include_system_prompt: true
template: { use: plain, separator: "\\n\\n### Response:\\n" }
max_length: 192
`;

const MIXED = `train:
  - { path: ../filtered_infinity_instruct.jsonl, format: alpaca, weight: 0.4 }
  - { path: ../largescale_diverse_instruct.jsonl, format: alpaca, weight: 0.3 }
  - { path: ../realuser_instruct.jsonl, format: alpaca, weight: 0.3 }
include_system_prompt: true
template: { use: plain, separator: "\\n\\n### Response:\\n" }
max_length: 192
`;

const ALPACA = { instruction: QUESTION, output: ANSWER, system: SYSTEM };

function guide(): Folder {
  const folder = folderOf({
    "model/flex-qwen-1b.yaml": MODEL,
    "data/sft.yaml": SFT,
    "data/sft_mixed.yaml": MIXED,
    "alpaca.jsonl": copies(ALPACA),
    "sharegpt.jsonl": copies({
      conversations: [
        { from: "human", value: QUESTION },
        { from: "assistant", value: ANSWER },
      ],
    }),
    "custom.jsonl": copies({
      instruction: QUESTION,
      response: ANSWER,
      system: SYSTEM,
    }),
    "text.jsonl": copies({ text: ANSWER }),
    "filtered_infinity_instruct.jsonl": copies({ ...ALPACA, output: "A" }),
    "largescale_diverse_instruct.jsonl": copies({ ...ALPACA, output: "B" }),
    "realuser_instruct.jsonl": copies({ ...ALPACA, output: "C" }),
  });
  Deno.writeTextFileSync(
    folder.at("train.yaml"),
    BASE.replace("OUTPUT", folder.at("run")),
  );
  return folder;
}

/** `train train.yaml ...`, with the model group of the guide. */
async function train(folder: Folder, ...more: string[]) {
  const { code, out, err } = await run(
    "train",
    folder.at("train.yaml"),
    "model=flex-qwen-1b",
    ...more,
  );
  return { code, said: out + err };
}

async function trains(folder: Folder, ...more: string[]): Promise<void> {
  const { code, said } = await train(folder, ...more);
  assert.equal(code, 0, said);
}

/** What is trained of the first row, and what is context. */
async function lookAt(
  folder: Folder,
  ...overrides: string[]
): Promise<{ readonly trained: string; readonly context: string }> {
  const [{ tokens }] = await inspect(folder.at("train.yaml"), {
    overrides: ["model=flex-qwen-1b", ...overrides],
  });
  const texts = (of: (weight: number) => boolean) =>
    tokens.filter(({ weight }) => of(weight)).map(({ text }) => text).join("");
  return { trained: texts((w) => w > 0), context: texts((w) => w === 0) };
}

const path = (folder: Folder, name: string) =>
  `data.train.0.path=${folder.at(name)}`;

Deno.test("003: the basic command trains, and the model answers by unmasking", async () => {
  using folder = guide();
  await trains(
    folder,
    "data=sft",
    "training_mode=sft",
    path(folder, "alpaca.jsonl"),
    "data.train.0.format=alpaca",
  );
  await using model = await loadModel(folder.at("run"), { backend: "cpu" });
  const drafts: string[] = [];
  const { ids } = await model.generate(`${QUESTION}${SEPARATOR}`, {
    maxNewTokens: 40,
    onDraft: (text) => drafts.push(text),
  });
  assert.ok(ids.length <= 40);
  assert.ok(drafts.length > 0 && drafts.length <= 8);
});

Deno.test("003: each of the three formats is instruction + separator + response, of which the response is trained", async () => {
  using folder = guide();
  const formats = [
    ["alpaca", "alpaca.jsonl", `${SYSTEM}\n\n`],
    ["sharegpt", "sharegpt.jsonl", ""],
    ["custom", "custom.jsonl", `${SYSTEM}\n\n`],
  ];
  for (const [format, file, system] of formats) {
    const { trained, context } = await lookAt(
      folder,
      "data=sft",
      path(folder, file),
      `data.train.0.format=${format}`,
    );
    assert.equal(context, `${system}${QUESTION}${SEPARATOR}`, format);
    assert.ok(trained.startsWith(ANSWER), format);
  }
});

Deno.test("003: a custom format names its columns, and a system prompt may be left out", async () => {
  using folder = guide();
  Deno.writeTextFileSync(
    folder.at("named.jsonl"),
    copies({ question: QUESTION, reply: ANSWER, persona: SYSTEM }),
  );
  const { trained, context } = await lookAt(
    folder,
    "data=sft",
    path(folder, "named.jsonl"),
    "data.train.0.format={use: custom, instruction_field: question, response_field: reply, system_field: persona}",
    "data.include_system_prompt=false",
  );
  assert.equal(context, `${QUESTION}${SEPARATOR}`);
  assert.ok(trained.startsWith(ANSWER));
});

Deno.test("003: a mixture of weighted data sets trains", async () => {
  using folder = guide();
  await trains(folder, "data=sft_mixed", "training_mode=sft");
  const resolved = Deno.readTextFileSync(
    folder.at("run/config.resolved.yaml"),
  );
  for (const weight of ["0.4", "0.3"]) assert.ok(resolved.includes(weight));
  const metrics = Deno.readTextFileSync(folder.at("run/metrics.jsonl"));
  assert.match(metrics, /"source_losses"/);
});

Deno.test("003: pre-training hides any token of raw text", async () => {
  using folder = guide();
  await trains(
    folder,
    "training_mode=pretrain",
    `data.train=[{path: ${folder.at("text.jsonl")}, format: text}]`,
    "data.max_length=64",
  );
});

Deno.test('003: "src_mask must be provided" says what to change', async () => {
  using folder = guide();
  const { code, said } = await train(
    folder,
    "training_mode=sft",
    `data.train=[{path: ${folder.at("text.jsonl")}, format: text}]`,
  );
  assert.equal(code, 2);
  assert.match(said, /src_mask must be provided: /);
  assert.match(said, /training_mode=pretrain/);
});

Deno.test('003: "Unsupported format" names the formats that there are', async () => {
  using folder = guide();
  const { code, said } = await train(
    folder,
    "data=sft",
    "data.train.0.format=alpacca",
  );
  assert.equal(code, 2);
  assert.match(said, /there is no format `alpacca`; did you mean `alpaca`\?/);
  assert.match(said, /custom/);
  assert.match(said, /sharegpt/);
});

Deno.test("003: data set errors name the data set", async () => {
  using folder = guide();
  const { code, said } = await train(
    folder,
    "data=sft",
    path(folder, "no_such.jsonl"),
  );
  assert.equal(code, 2);
  assert.match(said, /no_such\.jsonl/);
});

Deno.test("003: the key that this program does not have is refused with its name", async () => {
  using folder = guide();
  const { code, said } = await train(
    folder,
    "data=sft",
    "model.attention_kernel=default",
  );
  assert.equal(code, 2);
  assert.match(said, /attention_kernel/);
});
