/**
 * Runs that add tokens to the vocabulary, loaded by transformers and PEFT (`witness_load.py`): the same ids and
 * the same logits as ours. For an adapter the base is given the new rows by `resize_token_embeddings`, as PEFT
 * asks its users to do. Skipped, with a message, where python3 has no transformers.
 *
 * Tolerance: 1e-4 on logits of size 1 to 15, as in `saved_test.ts`.
 */
import { beside } from "../../core/config/parts/create_part.ts";
import assert from "node:assert/strict";
import { loadModel, merge } from "@denotune/denotune";
import {
  createPart,
  creatingWith,
  type Message,
} from "@denotune/denotune/core";
import type { RunInput } from "../../core/config/types.ts";
import { openBase } from "../../core/library/open_base.ts";
import { logitsOf } from "../../core/library/logits.ts";
import { bindAdapter, readAdapterConfig } from "../../core/library/adapters.ts";
import { cpu } from "../../backends/cpu/mod.ts";
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
const TEXT =
  "<|im_start|>user\n  Two spaces <|im_end|>  and\n\n<|im_end|><|im_start|> so on";
const MESSAGES: readonly Message[] = [
  { role: "user", content: "What is 2 + 2?" },
  { role: "assistant", content: "It is 4." },
  { role: "user", content: " And 3 + 3? " },
];
const LORA = { use: "lora", r: 4, lora_alpha: 8 } as const;

interface Witness {
  readonly problems: readonly string[];
  readonly logits: readonly (readonly number[])[];
  readonly eos_token_id: number | readonly number[] | null;
  readonly text_ids: readonly number[];
  readonly text_ids_by_file: readonly number[];
  readonly text_decoded: string;
  readonly chat_text: string;
  readonly chat_ids: readonly number[];
}

const ignore = !hasModules("torch", "transformers", "peft");

async function witness(
  folder: string,
  { ids, base, resize }: {
    ids: readonly number[];
    base?: string;
    resize?: number;
  },
): Promise<Witness> {
  const printed = await python([
    SCRIPT,
    folder,
    ...base === undefined ? [] : [base],
    ...resize === undefined ? [] : ["--resize", String(resize)],
    "--ids",
    ids.join(","),
    `--text=${TEXT}`,
    "--messages",
    JSON.stringify(MESSAGES),
    "--add-generation-prompt",
  ]);
  return JSON.parse(printed);
}

/** Logits, ids and chat of a saved folder, ours and theirs. */
async function compare(
  folder: string,
  more: { base?: string; resize?: number } = {},
): Promise<void> {
  const registry = builtinRegistry();
  const creating = creatingWith(registry, { modelDir: folder, base: folder });
  const isAdapter = more.base !== undefined;
  using model = await openBase({
    base: more.base ?? folder,
    adapters: isAdapter ? [folder] : [],
  }, creating);
  const adapter = isAdapter
    ? await bindAdapter(
      { path: folder, config: readAdapterConfig(folder) },
      model,
      creating,
    )
    : null;
  const tokenizer = await createPart("tokenizer", "huggingface", creating);
  const template = await createPart(
    "template",
    "tokenizer",
    beside(creating, { tokenizer }),
  );
  const chat = template.prompt({ messages: MESSAGES });
  const encode = (text: string, addBos: boolean) => [
    ...tokenizer.encode(text, { addBos }).ids,
  ];
  const ids = encode(chat.text, chat.addBos);
  for (const marker of ["<|im_start|>", "<|im_end|>"]) {
    assert.ok(ids.includes(tokenizer.idOf(marker)!), marker);
  }

  const found = await witness(folder, { ids, ...more });
  // PEFT does not find the ties of a gpt2: it takes the head's copy, and would not write one itself
  const copy = "unexpected_keys: base_model.model.lm_head.weight";
  assert.deepEqual(
    found.problems.filter((p) =>
      model.spec.modelType !== "gpt2" || !isAdapter || p !== copy
    ),
    [],
  );
  assert.deepEqual(found.text_ids, encode(TEXT, true));
  assert.deepEqual(found.text_ids_by_file, encode(TEXT, true));
  assert.equal(found.text_decoded, tokenizer.decode(encode(TEXT, true)));
  assert.equal(found.chat_text, chat.text);
  assert.deepEqual(found.chat_ids, ids);
  if (!isAdapter) {
    const ends = [found.eos_token_id].flat();
    assert.ok(ends.includes(tokenizer.idOf("<|im_end|>")!), ends.join());
  }

  await using device = await openBackend(cpu);
  const [logits] = await logitsOf([Int32Array.from(ids)], {
    model,
    adapter,
    dtype: "f32",
    device,
  });
  const wanted = found.logits.flat();
  assert.equal(logits.length, wanted.length);
  wanted.forEach((w, i) =>
    assert.ok(
      Math.abs(logits[i] - w) < 1e-4,
      `logit ${i}: ${logits[i]}, theirs ${w}`,
    )
  );
}

const rows = tinyRows(24).map(({ instruction, output }) => ({
  messages: [
    { role: "user", content: instruction },
    { role: "assistant", content: output },
  ],
}));

function chatRun(
  folder: TestFolder,
  base: string,
  more: Partial<RunInput>,
): RunInput {
  return tinyRun(folder.at("saved"), {
    model: { path: base },
    tokenizer: "huggingface",
    ...more,
    data: {
      train: [{ rows, format: "messages" }],
      template: { use: "chatml", add_missing: true },
      max_length: 160,
    },
    training: { max_steps: 5 },
  });
}

/** Where bases come from: the rows that they have once tokens are added. */
const BASES: Readonly<
  Record<string, { make(folder: TestFolder): Promise<string>; rows: number }>
> = {
  "an untied llama": {
    rows: 261,
    async make(folder) {
      await runConfig(tinyRun(folder.at("base"), {
        model: { from_config: { ...TINY_LLAMA, tie_word_embeddings: false } },
        training: { max_steps: 1 },
      }));
      return folder.at("base");
    },
  },
  "a tied gpt2": {
    rows: 261,
    async make(folder) {
      await runConfig(tinyRun(folder.at("base"), {
        model: {
          from_config: {
            model_type: "gpt2",
            vocab_size: 259,
            n_positions: 256,
            n_embd: 32,
            n_layer: 2,
            n_head: 4,
          },
        },
        training: { max_steps: 1 },
      }));
      return folder.at("base");
    },
  },
  "a llama with spare rows": {
    rows: 300,
    async make(folder) {
      await runConfig(tinyRun(folder.at("base"), {
        model: { from_config: { ...TINY_LLAMA, vocab_size: 300 } },
        training: { max_steps: 1 },
      }));
      return folder.at("base");
    },
  },
};

const stories = testData("models/stories260k");

for (const [name, { make, rows }] of Object.entries(BASES)) {
  Deno.test({
    name:
      `transformers loads ${name} with added tokens: the same ids and logits`,
    ignore,
    async fn() {
      using folder = testFolder();
      await runConfig(chatRun(folder, await make(folder), {}));
      await compare(folder.at("saved"));
    },
  });

  Deno.test({
    name:
      `PEFT loads LoRA on ${name} with added tokens, on the base resized by transformers; merged, transformers loads it`,
    ignore,
    async fn() {
      using folder = testFolder();
      const base = await make(folder);
      await runConfig(chatRun(folder, base, { adapter: LORA }));
      const saved = folder.at("saved");
      await compare(saved, {
        base,
        ...rows === 300 ? {} : { resize: rows },
      });
      await merge(saved, { to: folder.at("merged"), backend: "cpu" });
      await compare(folder.at("merged"));
    },
  });
}

for (const adapter of [null, LORA]) {
  Deno.test({
    name: `stories260k with added tokens and ${
      adapter === null ? "all weights" : "LoRA"
    }: a SentencePiece tokenizer gives the same ids beside them`,
    ignore: ignore || stories === null,
    async fn() {
      using folder = testFolder();
      await runConfig(chatRun(folder, stories!, { adapter }));
      await compare(
        folder.at("saved"),
        adapter === null ? {} : { base: stories!, resize: 514 },
      );
      await using model = await loadModel(folder.at("saved"), {
        backend: "cpu",
      });
      assert.equal(model.tokenizer.vocabSize, 514);
    },
  });
}
