/**
 * What the exporter `gguf` writes, in llama.cpp itself: it loads every quantization of every family, computes our
 * log-probabilities, cuts text into our tokens and writes prompts as we do.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Exporter, ExportRequest } from "@denotune/denotune/core";
import { exportModel, train } from "@denotune/denotune";
import { makePart, testHost } from "@denotune/denotune/testing";
import { gguf, ggufLora } from "../../../../plugins/exporters/mod.ts";
import { huggingface } from "../../../../plugins/tokenizers/mod.ts";
import { jinja } from "../../../../plugins/templates/mod.ts";
import { gptNeoxWith } from "../../../../examples/gpt_neox_model/gpt_neox.ts";
import { quickstartRows } from "../../../../examples/quickstart/data.ts";
import quickstart from "../../../../examples/quickstart/run.ts";
import { builtinActivations } from "../../../conformance/model/architectures.ts";
import { VOCABULARY, writeTokenizer } from "../../../exported_run.ts";
import { testData } from "../../../test_data.ts";
import {
  describe,
  merged,
  tinyAdapterExport,
  tinyExport,
} from "../onnx/_tiny_exports.ts";
import {
  askLlama,
  distanceOf,
  type Job,
  ourLogits,
  savedLogits,
} from "./_llama.ts";
import {
  PRE_TOKENIZERS,
  sectionOf,
} from "../../../../plugins/exporters/gguf/text/pre_tokenizers.ts";
import { hasModules, python } from "../../../python.ts";

const HERE = new URL("./", import.meta.url).pathname;

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const HAS_LLAMA = hasModules("xllamacpp");

type Config = { readonly [key: string]: unknown };

/** Sizes that every kind of block fits. */
const BASE = {
  vocab_size: VOCABULARY,
  hidden_size: 256,
  intermediate_size: 256,
  num_hidden_layers: ALL ? 4 : 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
};

const yarn = {
  rope_type: "yarn",
  rope_theta: 10000,
  factor: 4,
  original_max_position_embeddings: 64,
};

/** A model of each type, with what is special about it. `off`: how far llama.cpp's own rounding takes it. */
const FAMILIES: readonly (Config & { model_type: string })[] = [
  {
    ...BASE,
    model_type: "llama",
    tie_word_embeddings: true,
    attention_bias: true,
    mlp_bias: true,
    head_dim: 32,
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  },
  {
    ...BASE,
    model_type: "gemma3_text",
    layer_types: Array.from(
      { length: BASE.num_hidden_layers },
      (_, i) => i % 2 === 0 ? "sliding_attention" : "full_attention",
    ),
    head_dim: 64,
    query_pre_attn_scalar: 48,
    sliding_window: 16,
  },
  {
    ...BASE,
    model_type: "lfm2",
    num_hidden_layers: 2,
    block_auto_adjust_ff_dim: false,
    layer_types: ["conv", "full_attention"],
  },
  { ...BASE, model_type: "llama", rope_scaling: yarn },
  {
    ...BASE,
    model_type: "llama",
    rope_scaling: { rope_type: "linear", factor: 4 },
  },
  { ...BASE, model_type: "mistral", sliding_window: null },
  { ...BASE, model_type: "qwen2" },
  { ...BASE, model_type: "qwen2", rope_scaling: yarn },
  { ...BASE, model_type: "qwen3", head_dim: 32, tie_word_embeddings: true },
  {
    ...BASE,
    model_type: "gemma2",
    head_dim: 64,
    query_pre_attn_scalar: 48,
    sliding_window: 16,
  },
  {
    ...BASE,
    model_type: "gemma3_text",
    num_hidden_layers: 6,
    head_dim: 64,
    sliding_window: 16,
    rope_parameters: {
      full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 },
      sliding_attention: { rope_type: "default", rope_theta: 10000 },
    },
  },
  {
    model_type: "gemma3",
    text_config: {
      ...BASE,
      model_type: "gemma3_text",
      head_dim: 64,
      sliding_window: 16,
    },
    vision_config: {},
  },
  {
    ...BASE,
    model_type: "granite",
    embedding_multiplier: 3,
    attention_multiplier: 0.1,
    residual_multiplier: 0.7,
    logits_scaling: 2,
    attention_bias: true,
    mlp_bias: true,
  },
  { ...BASE, model_type: "olmo2", tie_word_embeddings: true },
  { ...BASE, model_type: "olmo3", sliding_window: 16 },
  { ...BASE, model_type: "phi3", partial_rotary_factor: 0.5, pad_token_id: 0 },
  {
    ...BASE,
    model_type: "phi3",
    pad_token_id: 0,
    // beyond these the long factors hold, as they do for a context of 512
    original_max_position_embeddings: 8,
    rope_scaling: {
      type: "longrope",
      long_factor: Array.from({ length: 32 }, (_, i) => 1 + 0.1 * i),
      short_factor: Array.from({ length: 32 }, (_, i) => 1 + 0.02 * i),
    },
  },
  { ...BASE, model_type: "smollm3" },
  {
    ...BASE,
    model_type: "ministral3",
    head_dim: 32,
    rope_parameters: {
      ...yarn,
      factor: 16,
      original_max_position_embeddings: 16,
      mscale: 1,
      mscale_all_dim: 1,
      llama_4_scaling_beta: 0.1,
    },
  },
  {
    model_type: "mistral3",
    text_config: { ...BASE, model_type: "mistral", sliding_window: null },
    vision_config: {},
  },
  {
    model_type: "gpt2",
    vocab_size: VOCABULARY,
    n_embd: 256,
    n_layer: 4,
    n_head: 4,
    n_positions: 512,
  },
  {
    ...BASE,
    model_type: "gpt_neox",
    num_key_value_heads: undefined,
    hidden_act: "gelu_pytorch_tanh",
  },
];

const QUANTIZATIONS = ALL
  ? ["f16", "bf16", "q8_0", "q4_0", "q4_k_m", "q6_k"]
  : ["q4_k_m"];

/** llama.cpp looks gelu up in a table of float16, so that its own numbers are off by as much. */
const LOOKED_UP = ["gpt2", "gpt_neox", "gemma2", "gemma3", "gemma3_text"];

function exporter(quantization: string): Promise<Exporter> {
  return makePart({ parts: [gguf] }, "exporter", { quantization });
}

async function textOf(
  folder: string,
  template: string | null = null,
): Promise<ExportRequest["text"]> {
  const tokenizer = await makePart({ parts: [huggingface] }, "tokenizer", {
    path: folder,
  });
  const { eos } = tokenizer.specialIds;
  return {
    tokenizer,
    files: tokenizer.files({ chatTemplate: template }),
    template: template ?? tokenizer.chatTemplate,
    stopIds: eos === null ? [] : [eos],
    generation: {},
  };
}

const gptNeox = gptNeoxWith(await builtinActivations());

function specOf(config: Config) {
  const plain = Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  );
  return config.model_type === "gpt_neox"
    ? gptNeox.describe(plain)
    : describe(plain);
}

/** The same with weights a quarter as large: attention that is less of a choice between two tokens. */
function calmed(request: ExportRequest): ExportRequest {
  const tensors = request.model.tensors.map((tensor) => ({
    ...tensor,
    read: async (start: number, count: number) =>
      (await tensor.read(start, count)).map((v) => v / 4),
  }));
  return { ...request, model: { ...request.model, tensors } };
}

/** Bytes that are no characters of their own, and the tokenizer's special tokens. */
const BANNED = Array.from({ length: 131 }, (_, i) => 128 + i);

/** Prompts of random ids of characters. */
function promptsOf(count: number): number[][] {
  let state = 99;
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
  return Array.from(
    { length: count },
    () => Array.from({ length: 9 + random(30) }, () => 33 + random(90)),
  );
}

Deno.test({
  name: ALL
    ? "llama.cpp loads every family in every quantization, and computes our log-probabilities in f32"
    : "llama.cpp loads a sample of families, and computes our log-probabilities in f32",
  ignore: !HAS_LLAMA,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await writeTokenizer(join(folder, "tokenizer"));
      const text = await textOf(join(folder, "tokenizer"));
      const prompts = promptsOf(ALL ? 50 : 4);
      const count = ALL ? 64 : 24;
      const families = ALL ? FAMILIES : FAMILIES.slice(0, 3);
      const requests: ExportRequest[] = [];
      const jobs: Job[] = [];
      for (const [i, config] of families.entries()) {
        const path = join(folder, String(i));
        Deno.mkdirSync(path);
        const request = calmed({ ...tinyExport(path, specOf(config)), text });
        requests.push(request);
        for (const quantization of ["f32", ...QUANTIZATIONS]) {
          const one = await exporter(quantization);
          await one.check(request);
          const [file] = await one.write(request);
          jobs.push({
            file: join(path, file),
            complete: quantization === "f32"
              ? prompts.map((ids) => ({ ids, count }))
              : [{ ids: prompts[0], count: 8 }],
            banned: BANNED,
          });
        }
      }
      const answers = await askLlama(folder, jobs);
      const each = 1 + QUANTIZATIONS.length;
      const wrong: string[] = [];
      for (const [i, request] of requests.entries()) {
        const name = `${i} ${families[i].model_type}`;
        const complete = answers[i * each].complete ?? [];
        const rows = complete.map(({ ids }, k) =>
          Int32Array.from([...prompts[k], ...ids])
        );
        const logits = await ourLogits(join(folder, `ours${i}`), request, rows);
        const { tokens, others, largest } = distanceOf(
          jobs[i * each],
          complete,
          logits,
        );
        assert.equal(tokens, prompts.length * count, name);
        const isLookedUp = LOOKED_UP.includes(families[i].model_type);
        if (!(largest < (isLookedUp ? 5e-3 : 1e-3))) {
          wrong.push(`${name}: a log-probability is off by ${largest}`);
        }
        if (others > (isLookedUp ? tokens / 100 : 0)) {
          wrong.push(`${name}: ${others} of ${tokens} tokens are others`);
        }
        for (let q = 1; q < each; q++) {
          const [{ ids }] = answers[i * each + q].complete ?? [{ ids: [] }];
          if (ids.length !== 8) {
            wrong.push(`${name}: ${QUANTIZATIONS[q - 1]} answers ${ids}`);
          }
        }
      }
      assert.deepEqual(wrong, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What a trained model is asked. */
interface Trained {
  readonly name: string;
  readonly folder: string;
  readonly prompts: readonly (readonly number[])[];
  readonly count: number;
  readonly banned: readonly number[];
}

/** 50 openings of stories, as the tokens of `stories260k`. */
async function storyPrompts(folder: string): Promise<number[][]> {
  const { tokenizer } = await textOf(folder);
  const openings = [
    "Once upon a time, there was a",
    "One day, a",
    "Lily saw a",
    "In the park, the boy met a",
    "Tom was sad. He had lost his",
  ];
  const words =
    "big dog|red ball|tree|little bird|cake|cat named Sue|car|frog|hat|toy"
      .split("|");
  return openings.flatMap((opening) =>
    words.map((word) => [
      ...tokenizer.encode(`${opening} ${word}`, { addBos: true }).ids,
    ])
  );
}

/** The quickstart, trained as its run file says, and 50 of its held-out instructions. */
async function trainedQuickstart(folder: string): Promise<Trained> {
  await train({
    ...quickstart,
    output_dir: folder,
    backend: "cpu",
    trackers: [],
  });
  const { tokenizer } = await textOf(folder);
  const prompts = quickstartRows().heldOut
    .filter(({ input }) => input === undefined).slice(0, 50)
    .map(({ instruction }) => [
      ...tokenizer.encode(`${instruction}\n`, { addBos: true }).ids,
    ]);
  const longest = Math.max(...prompts.map(({ length }) => length));
  // it has 64 positions
  return {
    name: "quickstart",
    folder,
    prompts,
    count: 63 - longest,
    banned: BANNED,
  };
}

Deno.test({
  name: ALL
    ? "llama.cpp computes the answers of stories260k and of the quickstart in f32"
    : "llama.cpp computes the answers of stories260k in f32",
  ignore: !HAS_LLAMA || testData("models/stories260k") === null,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const stories = testData("models/stories260k") ?? "";
      const models: Trained[] = [{
        name: "stories260k",
        folder: stories,
        // all openings, but in CI a sample from each
        prompts: (await storyPrompts(stories)).filter((_, i) =>
          ALL || i % 9 === 0
        ),
        count: ALL ? 64 : 32,
        banned: [2],
      }];
      if (ALL) models.push(await trainedQuickstart(join(folder, "quickstart")));
      const jobs: Job[] = [];
      for (const { name, folder: from, prompts, count, banned } of models) {
        const output = join(folder, `${name}-gguf`);
        const { passed, report } = await exportModel(from, {
          to: { use: "gguf", quantization: "f32" },
          output,
          backend: "cpu",
        });
        assert.ok(passed, report.faults.join("\n"));
        const file = report.files.find((f) => f.name.endsWith(".gguf"));
        jobs.push({
          file: join(output, file?.name ?? ""),
          complete: prompts.map((ids) => ({ ids: [...ids], count })),
          banned,
        });
      }
      const answers = await askLlama(folder, jobs);
      for (
        const [i, { name, folder: from, prompts, count }] of models.entries()
      ) {
        const complete = answers[i].complete ?? [];
        const logits = await savedLogits(
          from,
          complete.map(({ ids }, k) =>
            Int32Array.from([...prompts[k], ...ids])
          ),
        );
        const { tokens, others, largest } = distanceOf(
          jobs[i],
          complete,
          logits,
        );
        assert.equal(tokens, prompts.length * count, name);
        assert.equal(others, 0, name);
        assert.ok(largest < 1e-3, `${name}: ${largest}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "llama.cpp adds a LoRA to its base as the merged model does",
  ignore: !HAS_LLAMA,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await writeTokenizer(join(folder, "tokenizer"));
      const text = await textOf(join(folder, "tokenizer"));
      const prompts = promptsOf(ALL ? 20 : 3);
      const cases: readonly [Config, Config][] = [
        [FAMILIES[0], {
          r: 8,
          use_rslora: true,
          alpha_pattern: { v_proj: 3 },
          rank_pattern: { down_proj: 4 },
        }],
        ...(ALL
          ? FAMILIES.slice(1).map((config): [Config, Config] => [config, {
            target_modules: "all-linear",
          }])
          : []),
      ];
      const jobs: Job[] = [];
      const requests: ExportRequest[] = [];
      for (const [i, [config, options]] of cases.entries()) {
        const path = join(folder, String(i));
        Deno.mkdirSync(path);
        const base = await tinyAdapterExport(path, specOf(config), options);
        const request = calmed({ ...base, text });
        const f32 = await exporter("f32");
        const adapters = await makePart({ parts: [ggufLora] }, "exporter");
        const [file] = await f32.write(request);
        await adapters.check(request);
        const [lora] = await adapters.write(request);
        requests.push(request);
        jobs.push({
          file: join(path, file),
          loras: [join(path, lora)],
          complete: prompts.map((ids) => ({ ids, count: 24 })),
          banned: BANNED,
        });
      }
      const answers = await askLlama(folder, jobs);
      for (const [i, request] of requests.entries()) {
        const complete = answers[i].complete ?? [];
        const whole = await merged(request);
        const logits = await ourLogits(
          join(folder, `ours${i}`),
          whole,
          complete.map(({ ids }, k) =>
            Int32Array.from([...prompts[k], ...ids])
          ),
        );
        const { others, largest } = distanceOf(
          jobs[i],
          complete,
          logits,
        );
        const name = `${i} ${cases[i][0].model_type}`;
        const isLookedUp = LOOKED_UP.includes(String(cases[i][0].model_type));
        assert.ok(largest < (isLookedUp ? 2e-2 : 1e-3), `${name}: ${largest}`);
        if (!isLookedUp) assert.equal(others, 0, name);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const PIECES = [
  'def f(x: int) -> str:\n\treturn f"{x!r:>10}"  # 1_000_000\n',
  "The quick brown fox, they've said: IT'S 3.14 o'clock!",
  "日本語の文章、한국어 문장, 中文字符。",
  "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽",
  "Grüße, naïve café — ½ ﬁ ſ İstanbul",
  "ไทย हिन्दी العربية עברית",
  "  two  spaces,\ttabs\n\n\n and lines\r\n ",
  "1234567890 12 345,678.90 x²",
  "aaaaaaaaaaaaaaaaaaaa ''\"\"``--==//\\\\",
  "the abc xyz the theabc",
  '<html lang="en">&nbsp;</html>',
  "\u200b\u00a0\u2003|",
];

/** Texts of pieces, cut anywhere, with special tokens between. */
function textsOf(count: number, specials: readonly string[]): string[] {
  let state = 7;
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
  return Array.from({ length: count }, () => {
    let text = "";
    for (let n = 1 + random(4); n > 0; n--) {
      const points = [...PIECES[random(PIECES.length)]];
      const from = random(points.length);
      text += points.slice(from, from + 1 + random(40)).join("");
      if (random(4) === 0) text += specials[random(specials.length)] ?? "";
    }
    return text;
  });
}

/** A small tokenizer for each way to cut text that llama.cpp has a name for; none where Python cannot train any. */
async function trainedTokenizers(folder: string): Promise<string[]> {
  if (!hasModules("tokenizers")) return [];
  const exact = PRE_TOKENIZERS.filter(({ otherwise }) =>
    otherwise === undefined
  );
  const known = ALL ? exact : exact.slice(1, 3);
  const specs = known.map(({ name, ignoreMerges }) => {
    const path = join(folder, `trained-${name}`);
    Deno.mkdirSync(path);
    return [name, {
      folder: path,
      pre_tokenizer: sectionOf(name),
      ignore_merges: ignoreMerges,
      texts: textsOf(400, []),
    }] as const;
  });
  const path = join(folder, "specs.json");
  Deno.writeTextFileSync(path, JSON.stringify(Object.fromEntries(specs)));
  await python([`${HERE}train_tokenizers.py`, path]);
  return specs.map(([, spec]) => spec.folder);
}

const MESSAGES = [
  [{ role: "user", content: "hello" }],
  [
    { role: "system", content: "Be brief." },
    { role: "user", content: "What is 2 + 2?" },
    { role: "assistant", content: "4" },
    { role: "user", content: "Sure?\nReally, 日本?" },
  ],
];

const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

Deno.test({
  name: `llama.cpp cuts ${
    ALL ? 2000 : 300
  } texts into our tokens and writes prompts as we do`,
  ignore: !HAS_LLAMA,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await writeTokenizer(join(folder, "tokenizer"));
      const paths = [
        join(folder, "tokenizer"),
        ...await trainedTokenizers(folder),
        testData("models/stories260k"),
        testData("tokenizers/minimind"),
        ...(ALL ? [testData("tokenizers/gpt2")] : []),
      ].filter((path) => path !== null);
      const jobs: Job[] = [];
      const wanted: number[][][] = [];
      const prompts: string[][] = [];
      for (const [i, path] of paths.entries()) {
        const own = await textOf(path);
        const text = own.template === null ? await textOf(path, CHATML) : own;
        const { tokenizer, template } = text;
        const out = join(folder, String(i));
        Deno.mkdirSync(out);
        const request = {
          ...tinyExport(
            out,
            describe({
              ...BASE,
              model_type: "llama",
              hidden_size: 32,
              intermediate_size: 32,
              num_hidden_layers: 1,
              vocab_size: tokenizer.vocabSize + 3,
            }),
          ),
          text,
        };
        const f16 = await exporter("f16");
        await f16.check(request);
        const [file] = await f16.write(request);
        const specials = Array.from(
          { length: tokenizer.vocabSize },
          (_, id) => id,
        ).filter((id) =>
          tokenizer.isSpecial(id) && id !== tokenizer.specialIds.unk
        )
          .map((id) => tokenizer.tokenOf(id) ?? "");
        const texts = textsOf(ALL ? 2000 : 100, specials);
        wanted.push(texts.map((one) => [
          ...tokenizer.encode(one, { addBos: true }).ids,
        ]));
        const rendering = await makePart({ parts: [jinja] }, "template", {
          source: template,
        }, { ...testHost(), tokenizer });
        prompts.push(
          MESSAGES.map((messages) =>
            rendering.prompt({
              messages: messages.map(({ role, content }) => ({
                role: role === "system"
                  ? "system"
                  : role === "user"
                  ? "user"
                  : "assistant",
                content,
              })),
            }).text
          ),
        );
        jobs.push({
          file: join(out, file),
          tokenize: texts,
          messages: MESSAGES,
        });
      }
      const answers = await askLlama(folder, jobs);
      const wrong: string[] = [];
      for (
        const [i, { tokenize = [], prompts: written }] of answers.entries()
      ) {
        tokenize.forEach((ids, k) => {
          if (ids.join() === wanted[i][k].join()) return;
          wrong.push(
            `${paths[i]}: ${
              JSON.stringify(jobs[i].tokenize?.[k])
            } is ${ids} there, ${wanted[i][k]} here`,
          );
        });
        assert.equal(tokenize.length, wanted[i].length);
        assert.deepEqual(written, prompts[i], paths[i]);
      }
      assert.deepEqual(wrong.slice(0, 5), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
