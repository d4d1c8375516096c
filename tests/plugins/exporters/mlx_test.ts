/** mlx-lm reads an exported folder as it is, and answers with the same ids. */
import assert from "node:assert/strict";
import { exportModel, loadModel } from "@denotune/denotune";
import type { Json } from "../../../core/contracts/json.ts";
import { exportableRun, VOCABULARY } from "../../exported_run.ts";
import { testFolder } from "../../run_harness.ts";
import { hasModules, python } from "../../python.ts";

const GOLDEN = new URL("../../golden/", import.meta.url).pathname;
const NEW_TOKENS = 12;
const PROMPTS = ["say the abc", "xyz", "the theory of abcabc", "12 + 3 ="];

const LLAMA = {
  vocab_size: VOCABULARY,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  initializer_range: 0.3,
  bos_token_id: 256,
  eos_token_id: 257,
};

/**
 * Configs by `model_type`: those of the golden families, with the tokens of this tokenizer. Not GPT-2: mlx-lm reads its
 * first files only, whose names have no `transformer.`, and none that transformers writes.
 */
const CONFIGS: Record<string, Record<string, Json>> = {
  llama: { ...LLAMA, model_type: "llama", tie_word_embeddings: true },
  mistral: {
    ...LLAMA,
    model_type: "mistral",
    tie_word_embeddings: false,
    sliding_window: null,
  },
  qwen2: { ...LLAMA, model_type: "qwen2", tie_word_embeddings: true },
  qwen3: {
    ...LLAMA,
    model_type: "qwen3",
    head_dim: 12,
    tie_word_embeddings: false,
  },
};
/** What mlx-lm does not do of a family (windows that a text is longer than, scaled positions), or wants written out. */
const PLAIN: Record<string, Record<string, Json>> = {
  gemma2: { sliding_window: 128 },
  gemma3_text: {},
  granite: { rope_theta: 10000 },
  lfm2: {
    norm_eps: 1e-5,
    conv_bias: false,
    conv_L_cache: 3,
    block_dim: 16,
    block_ff_dim: 24,
    block_ffn_dim_multiplier: 1,
    block_auto_adjust_ff_dim: true,
    rope_theta: 1e6,
  },
  ministral3: {},
  olmo2: {},
  olmo3: { rope_theta: 500000, rope_parameters: null, sliding_window: 128 },
  phi3: { sliding_window: null, rope_scaling: null },
  smollm3: {
    use_sliding_window: false,
    sliding_window: null,
    rope_theta: 2e6,
  },
};
for (const [name, plain] of Object.entries(PLAIN)) {
  const golden: { config: Record<string, Json> } = JSON.parse(
    Deno.readTextFileSync(`${GOLDEN}families/${name}.json`),
  );
  CONFIGS[name] = {
    ...golden.config,
    vocab_size: VOCABULARY,
    max_position_embeddings: 128,
    initializer_range: 0.3,
    bos_token_id: 256,
    eos_token_id: 257,
    ...plain,
  };
}

/** Types that are tried in every run of the tests. */
const SAMPLE = ["llama", "qwen3", "gemma3_text"];

async function askMlx(
  asked: readonly {
    path: string;
    prompts: readonly (readonly number[])[];
    new_tokens: number;
  }[],
): Promise<{ answers?: number[][]; eos?: number[]; problem?: string }[]> {
  const printed = await python([`${GOLDEN}witness_mlx.py`], {
    input: JSON.stringify(asked),
  });
  return JSON.parse(
    printed.trim().split("\n").at(-1)!,
  );
}

const all = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

Deno.test({
  name: `mlx-lm answers as we do from exported folders of ${
    all ? "every type" : SAMPLE.join(", ")
  }`,
  ignore: !hasModules("mlx", "mlx_lm"),
  async fn() {
    using folder = testFolder();
    const asked = [];
    const wanted: { name: string; answers: number[][] }[] = [];
    for (const [name, config] of Object.entries(CONFIGS)) {
      if (!all && !SAMPLE.includes(name)) continue;
      const trained = await exportableRun(folder, {
        name,
        model: { from_config: config },
        training: { max_steps: 1, batch_size: 2, save_steps: null },
      });
      const { path, report } = await exportModel(trained, {
        to: "huggingface",
        backend: "reference",
      });
      assert.deepEqual(report.faults, [], name);
      await using model = await loadModel(path, { backend: "reference" });
      const prompts = PROMPTS.map((text) => [
        ...model.tokenizer.encode(text, { addBos: true }).ids,
      ]);
      const answers = await model.generateAll(PROMPTS, {
        raw: true,
        maxNewTokens: NEW_TOKENS,
      });
      wanted.push({ name, answers: answers.map((a) => [...a.ids]) });
      asked.push({ path, prompts, new_tokens: NEW_TOKENS });
    }
    const found = await askMlx(asked);
    const untilEnd = (ids: readonly number[]) => {
      const end = ids.indexOf(257);
      return end < 0 ? ids : ids.slice(0, end);
    };
    const different = wanted.flatMap(({ name, answers }, i) => {
      const { problem, eos, answers: theirs = [] } = found[i];
      const same = String(eos) === "257" &&
        JSON.stringify(theirs.map(untilEnd)) ===
          JSON.stringify(answers.map(untilEnd));
      return same ? [] : [{ name, problem, eos, answers, theirs }];
    });
    assert.deepEqual(different, []);
  },
});
