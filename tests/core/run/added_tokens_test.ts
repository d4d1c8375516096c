/**
 * Tokens that a run adds to the vocabulary: the rows that they get, and what becomes of them in training,
 * saving, resuming and answering.
 */
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { generate, loadModel, merge } from "@denotune/denotune";

import type { RunInput } from "../../../core/config/types.ts";
import {
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

const MARKERS = ["<|im_start|>", "<|im_end|>"];
const CPU = { use: "cpu", blas: "off", workers: 2 } as const;
const LORA = { use: "lora", r: 4, lora_alpha: 8 } as const;

const rows = tinyRows(24).map(({ instruction, output }) => ({
  messages: [
    { role: "user", content: instruction },
    { role: "assistant", content: output },
  ],
}));

/** A base of random weights with the byte tokenizer's 259 tokens, as a folder. */
async function makeBase(
  folder: TestFolder,
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<string> {
  const path = folder.at("base");
  await runConfig(tinyRun(path, {
    model: {
      from_config: "model_type" in config
        ? config
        : { ...TINY_LLAMA, ...config },
    },
    training: { max_steps: 1 },
  }));
  return path;
}

function chatRun(
  folder: TestFolder,
  name: string,
  more: Partial<RunInput> & { add_missing?: boolean } = {},
): RunInput {
  const { add_missing = true, ...run } = more;
  return tinyRun(folder.at(name), {
    model: { path: folder.at("base") },
    tokenizer: "huggingface",
    ...run,
    data: {
      train: [{ rows, format: "messages" }],
      template: { use: "chatml", add_missing },
      max_length: 160,
      ...run.data,
    },
    training: { max_steps: 4, ...run.training },
  });
}

function tensorsOf(path: string): Map<string, Float32Array> {
  using file = new SafetensorsFile(path);
  return new Map([...file.tensors].map(([name, t]) => [name, t.read()]));
}

/** The mean row of a table (rows, C), in double precision, rounded once. */
function meanRow(table: Float32Array, C: number): Float32Array {
  const sums = new Float64Array(C);
  table.forEach((v, i) => sums[i % C] += v);
  return Float32Array.from(sums, (sum) => sum / (table.length / C));
}

const C = TINY_LLAMA.hidden_size;
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const GPT2 = {
  model_type: "gpt2",
  vocab_size: 259,
  n_positions: 259, // as many rows as the vocabulary: these must not grow
  n_embd: C,
  n_layer: 2,
  n_head: 4,
};

for (
  const [name, config, tables] of [
    ["a tied llama", {}, [EMBEDDING]],
    ["an untied llama", { tie_word_embeddings: false }, [EMBEDDING, HEAD]],
    ["a gpt2", GPT2, ["transformer.wte.weight"]],
  ] as const
) {
  Deno.test(`${name} gets rows for added tokens, which start as the mean of the others; nothing else changes`, async () => {
    using folder = testFolder();
    const base = await makeBase(folder, config);
    const { of } = await runConfig(chatRun(folder, "still", {
      optimizer: { use: "sgd", learning_rate: 0 },
    }));
    const notices = of("notice").map((n) => n.message);
    assert.deepEqual(
      notices.filter((n) => n.startsWith("Added to the vocabulary")),
      [
        `Added to the vocabulary: <|im_start|> (259), <|im_end|> (260); ${
          tables.join(" and ")
        } grow${
          tables.length === 1 ? "s" : ""
        } from 259 to 261 rows, and the new tokens start as the mean of the 259 rows in use`,
      ],
    );
    const before = tensorsOf(join(base, "model.safetensors"));
    const after = tensorsOf(folder.at("still", "model.safetensors"));
    assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort());
    for (const [tensor, values] of before) {
      const now = after.get(tensor)!;
      if (!(tables as readonly string[]).includes(tensor)) {
        assert.deepEqual(now, values, tensor);
        continue;
      }
      assert.equal(now.length, 261 * C);
      assert.deepEqual(now.subarray(0, 259 * C), values);
      const mean = meanRow(values, C);
      assert.deepEqual(now.subarray(259 * C, 260 * C), mean);
      assert.deepEqual(now.subarray(260 * C), mean);
    }
    const saved = JSON.parse(
      await Deno.readTextFile(folder.at("still", "config.json")),
    );
    assert.equal(saved.vocab_size, 261);
    const generation = JSON.parse(
      await Deno.readTextFile(folder.at("still", "generation_config.json")),
    );
    assert.ok([generation.eos_token_id].flat().includes(260));
  });
}

Deno.test("spare rows of the model are used first: nothing grows, rows that stay spare are as they were", async () => {
  using folder = testFolder();
  const base = await makeBase(folder, { vocab_size: 300 });
  const { of } = await runConfig(chatRun(folder, "still", {
    tokenizer: { use: "huggingface", add_tokens: ["<tool>"] },
    optimizer: { use: "sgd", learning_rate: 0 },
  }));
  assert.ok(
    of("notice").some(({ message }) =>
      message ===
        `Added to the vocabulary: <tool> (259), <|im_start|> (260), <|im_end|> (261); their rows are spare ones of ${EMBEDDING}, which keeps 300 rows, and the new tokens start as the mean of the 259 rows in use`
    ),
    JSON.stringify(of("notice")),
  );
  const before = tensorsOf(join(base, "model.safetensors")).get(EMBEDDING)!;
  const after = tensorsOf(folder.at("still", "model.safetensors"))
    .get(EMBEDDING)!;
  assert.equal(after.length, before.length);
  assert.deepEqual(after.subarray(0, 259 * C), before.subarray(0, 259 * C));
  const mean = meanRow(before.subarray(0, 259 * C), C);
  for (const row of [259, 260, 261]) {
    assert.deepEqual(after.subarray(row * C, (row + 1) * C), mean);
  }
  assert.deepEqual(after.subarray(262 * C), before.subarray(262 * C));
});

Deno.test("some spare rows and some new ones: the table grows to the tokenizer's size", async () => {
  using folder = testFolder();
  await makeBase(folder, { vocab_size: 260 });
  await runConfig(chatRun(folder, "still", {
    optimizer: { use: "sgd", learning_rate: 0 },
  }));
  const table = tensorsOf(folder.at("still", "model.safetensors"))
    .get(EMBEDDING)!;
  assert.equal(table.length, 261 * C);
  const mean = meanRow(table.subarray(0, 259 * C), C);
  assert.deepEqual(table.subarray(259 * C, 260 * C), mean);
  assert.deepEqual(table.subarray(260 * C), mean);
});

Deno.test("a model from its config has random rows for added tokens, and a base saved with them", async () => {
  using folder = testFolder();
  await runConfig(chatRun(folder, "run", {
    model: { from_config: TINY_LLAMA },
    tokenizer: { use: "byte" },
    adapter: LORA,
  }));
  const base = folder.at("run", "base");
  const config = JSON.parse(await Deno.readTextFile(join(base, "config.json")));
  assert.equal(config.vocab_size, 261);
  const table = tensorsOf(join(base, "model.safetensors")).get(EMBEDDING)!;
  assert.ok(table.subarray(259 * C).every((v) => v !== 0));
  await using model = await loadModel(folder.at("run"), { backend: CPU });
  assert.equal(model.tokenizer.idOf("<|im_end|>"), 260);
});

for (const tied of [true, false]) {
  const tables = tied ? [EMBEDDING] : [EMBEDDING, HEAD];
  Deno.test(`LoRA on a${tied ? " tied" : "n untied"} model trains the grown tables whole and saves them, whatever modules_to_save says`, async () => {
    using folder = testFolder();
    const base = await makeBase(folder, { tie_word_embeddings: tied });
    await runConfig(chatRun(folder, "adapter", { adapter: LORA }));
    const saved = folder.at("adapter");
    const config = JSON.parse(
      await Deno.readTextFile(join(saved, "adapter_config.json")),
    );
    assert.deepEqual(
      config.modules_to_save,
      tables.map((name) => name.replace(".weight", "")),
    );
    const tensors = tensorsOf(join(saved, "adapter_model.safetensors"));
    const old = tensorsOf(join(base, "model.safetensors"));
    for (const name of tables) {
      const table = tensors.get(`base_model.model.${name}`)!;
      assert.equal(table.length, 261 * C);
      const mean = meanRow(old.get(name)!, C);
      assert.notDeepEqual(table.subarray(259 * C, 260 * C), mean, "trained");
      assert.notDeepEqual(
        table.subarray(259 * C, 260 * C),
        table.subarray(260 * C),
      );
    }

    // the base that the adapter names has 259 rows: it is grown when the adapter is loaded, and merged
    const prompt = [{ role: "user", content: "abc" }] as const;
    const options = { maxNewTokens: 8, backend: CPU };
    const answer = await generate(saved, prompt, options);
    const merged = await merge(saved, { backend: CPU });
    assert.equal(
      (await generate(merged.path, prompt, options)).text,
      answer.text,
    );
    const sizes = JSON.parse(
      await Deno.readTextFile(join(merged.path, "config.json")),
    );
    assert.equal(sizes.vocab_size, 261);
  });
}

for (const adapter of [null, LORA]) {
  const what = adapter === null ? "all weights" : "LoRA";
  Deno.test(`${what} with added tokens: 6 steps are 3, a stop and 3 more, bit for bit`, async () => {
    using folder = testFolder();
    await makeBase(folder, { tie_word_embeddings: false });
    const config = (name: string) =>
      chatRun(folder, name, { adapter, training: { max_steps: 6 } });
    const whole = await runConfig(config("whole"));
    const controller = new AbortController();
    const first = await runConfig(config("stopped"), {
      signal: controller.signal,
      onEvent: (e) => {
        if (e.event === "step" && e.step === 3) controller.abort();
      },
    });
    assert.equal(first.result.status, "interrupted");
    const second = await runConfig(config("stopped"));
    assert.equal(second.of("start")[0].resumed_at, 3);
    assert.deepEqual([...first.losses, ...second.losses], whole.losses);
    const bytes = (name: string) =>
      adapter === null
        ? weightBytes(folder.at(name))
        : Deno.readFileSync(folder.at(name, "adapter_model.safetensors"));
    assert.deepEqual(bytes("stopped"), bytes("whole"));
  });

  Deno.test(`${what}: an answer ends at the added end token`, async () => {
    using folder = testFolder();
    await makeBase(folder);
    const same = Array.from({ length: 8 }, () => ({
      messages: [
        { role: "user", content: "ab" },
        { role: "assistant", content: "cd" },
      ],
    }));
    await runConfig(chatRun(folder, "learnt", {
      adapter,
      optimizer: { use: "adamw", learning_rate: 0.02 },
      data: { train: [{ rows: same, format: "messages" }] },
      training: { epochs: 40, max_steps: 60, logging_steps: 60 },
    }));
    const answer = await generate(
      folder.at("learnt"),
      [{ role: "user", content: "ab" }],
      { maxNewTokens: 12, backend: CPU },
    );
    assert.equal(answer.text, "cd");
    assert.equal(answer.finish, "stop");
  });
}

Deno.test("without either option the vocabulary stays, and markers that are trained as text are announced once", async () => {
  using folder = testFolder();
  await makeBase(folder);
  const { of } = await runConfig(chatRun(folder, "text", {
    add_missing: false,
    data: {
      train: [{ rows, format: "messages" }],
      eval: [{ rows: rows.slice(0, 3), format: "messages" }],
    },
  }));
  assert.deepEqual(
    of("notice").map((n) => n.message).filter((m) => /vocabulary/.test(m)),
    [
      "The vocabulary lacks <|im_start|> (12 tokens), <|im_end|> (10 tokens), which the template chatml writes: they are trained as text. With `template: {use: chatml, add_missing: true}` they become tokens",
    ],
  );
  const config = JSON.parse(
    await Deno.readTextFile(folder.at("text", "config.json")),
  );
  assert.equal(config.vocab_size, 259);
});

Deno.test("a run on a model that has the tokens adds nothing and says nothing", async () => {
  using folder = testFolder();
  await makeBase(folder);
  await runConfig(chatRun(folder, "first"));
  const { of } = await runConfig(
    chatRun(folder, "second", { model: { path: folder.at("first") } }),
  );
  assert.deepEqual(
    of("notice").filter(({ message }) => /vocabulary/.test(message)),
    [],
  );
});

Deno.test("add_missing adds the markers of every source's template", async () => {
  using folder = testFolder();
  await makeBase(folder);
  const { of } = await runConfig(chatRun(folder, "both", {
    data: {
      train: [
        { rows, format: "messages" },
        {
          rows,
          format: "messages",
          template: { use: "gemma", add_missing: true },
        },
      ],
    },
  }));
  const [{ message }] = of("notice").filter(({ message }) =>
    message.startsWith("Added")
  );
  for (
    const token of [...MARKERS, "<start_of_turn>", "<end_of_turn>"]
  ) assert.ok(message.includes(`${token} (`), message);
});

Deno.test("an adapter cannot leave the rows of added tokens frozen", async () => {
  using folder = testFolder();
  await makeBase(folder);
  await assert.rejects(
    runConfig(chatRun(folder, "frozen", {
      model: { path: folder.at("base"), freeze: ["model.embed_tokens*"] },
      adapter: LORA,
    })),
    /model\.freeze keeps model\.embed_tokens\.weight as it is, but it has rows for added tokens/,
  );
});

Deno.test("workers make the tokenizer with the tokens that templates add", async () => {
  using folder = testFolder();
  await makeBase(folder);
  const file = folder.at("rows.jsonl");
  await Deno.writeTextFile(file, rows.map((r) => JSON.stringify(r)).join("\n"));
  const config = (workers: number) =>
    chatRun(folder, `workers-${workers}`, {
      data: {
        train: [{ path: file, format: "messages" }],
        workers,
        cache: false,
      },
    });
  const alone = await runConfig(config(1));
  const shared = await runConfig(config(2));
  assert.deepEqual(shared.losses, alone.losses);
  assert.ok(
    !shared.of("notice").some(({ message }) => /without workers/.test(message)),
  );
});
