/**
 * Dense families against transformers 5.23: random configs, with weights that both sides make by the same hash.
 * 1e-4 on logits, 1e-4 relative on losses, 1e-3 on norms of gradients.
 */
import assert from "node:assert/strict";
import { type Architecture, ConfigError } from "@denotune/denotune/core";
import {
  eurobertWith,
  gemma2With,
  gemma3With,
  graniteWith,
  lfm2With,
  ministral3With,
  olmo2With,
  olmo3With,
  phi3With,
  smollm3With,
} from "../../../plugins/models/mod.ts";
import { saveModelFolder } from "../../../core/io/save_model.ts";
import { testModel } from "../../conformance/model.ts";
import {
  builtinActivations,
  gpt2Architecture,
  llamaArchitecture,
} from "../../conformance/model/architectures.ts";
import { checkCases, type SweepCase } from "../../golden/_hashed.ts";
import { checkSaved } from "../../golden/_saved.ts";
import { python } from "../../python.ts";

const activations = await builtinActivations();
const FAMILIES: { readonly [type: string]: Architecture } = {
  granite: graniteWith(activations),
  olmo2: olmo2With(activations),
  smollm3: smollm3With(activations),
  olmo3: olmo3With(activations),
  phi3: phi3With(activations),
  gemma2: gemma2With(activations),
  gemma3_text: gemma3With(activations),
  ministral3: ministral3With(activations),
  lfm2: lfm2With(activations),
};
const GOLDEN = new URL("../../golden/", import.meta.url).pathname;

const TINY = {
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
};
const SPECIAL: {
  readonly [type: string]: { readonly [key: string]: unknown };
} = {
  granite: {
    embedding_multiplier: 3,
    attention_multiplier: 0.3,
    residual_multiplier: 0.5,
    logits_scaling: 2,
    mlp_bias: true,
  },
  olmo2: { attention_bias: true, tie_word_embeddings: true },
  smollm3: {
    no_rope_layer_interval: 2,
    use_sliding_window: true,
    sliding_window: 3,
  },
  olmo3: {
    sliding_window: 3,
    layer_types: ["sliding_attention", "full_attention", "sliding_attention"],
    rope_parameters: {
      full_attention: { rope_type: "yarn", factor: 2 },
      sliding_attention: { rope_type: "default", rope_theta: 100 },
    },
  },
  phi3: {
    sliding_window: 3,
    partial_rotary_factor: 0.5,
    original_max_position_embeddings: 8,
    rope_scaling: { type: "su", short_factor: [1], long_factor: [2] },
  },
  gemma2: {
    head_dim: 6,
    sliding_window: 3,
    query_pre_attn_scalar: 6,
    attn_logit_softcapping: 3,
    final_logit_softcapping: 4,
  },
  gemma3_text: {
    head_dim: 6,
    sliding_window: 3,
    query_pre_attn_scalar: 6,
    sliding_window_pattern: 2,
    attention_bias: true,
    tie_word_embeddings: false,
  },
  ministral3: {
    head_dim: 6,
    sliding_window: 5,
    rope_parameters: {
      rope_type: "yarn",
      factor: 2,
      original_max_position_embeddings: 4,
      llama_4_scaling_beta: 0.5,
    },
  },
  lfm2: {
    layer_types: ["conv", "full_attention", "conv"],
    conv_L_cache: 4,
    conv_bias: true,
    block_multiple_of: 4,
    tie_embedding: false,
  },
};

for (const [model_type, architecture] of Object.entries(FAMILIES)) {
  testModel(model_type, architecture, {
    // the default of some is 256
    plain: { ...TINY, head_dim: 4, model_type },
    special: { ...TINY, model_type, ...SPECIAL[model_type] },
  });

  Deno.test(`${model_type} refuses a key that it does not have, and names what is wrong`, () => {
    for (
      const change of [
        { clip_qkv: 4 },
        { num_key_value_heads: 3 },
        { head_dim: 3 },
        model_type.startsWith("gemma")
          ? { hidden_activation: "no-such" }
          : { hidden_act: "no-such" },
        { rope_scaling: { rope_type: "axial", factor: 4 } },
      ]
    ) {
      const [key] = Object.keys(change);
      assert.throws(
        () => architecture.describe({ ...TINY, model_type, ...change }),
        (error) => error instanceof ConfigError && error.message.includes(key),
        key,
      );
    }
  });
}

Deno.test("rope_scaling by an older name of its type is refused where transformers would not follow it", () => {
  for (const model_type of ["gemma3_text", "olmo3"]) {
    const config = { ...TINY, head_dim: 4, model_type };
    assert.throws(
      () =>
        FAMILIES[model_type].describe({
          ...config,
          rope_scaling: { type: "linear", factor: 3 },
        }),
      (error) =>
        error instanceof ConfigError &&
        error.message.includes('rope_scaling.type is "linear"'),
    );
    FAMILIES[model_type].describe({
      ...config,
      rope_scaling: { rope_type: "linear", factor: 3 },
    });
  }
});

Deno.test("lfm2 refuses an activation that transformers would not follow", () => {
  const config = { ...TINY, model_type: "lfm2" };
  FAMILIES.lfm2.describe({ ...config, hidden_act: "silu" });
  assert.throws(
    () => FAMILIES.lfm2.describe({ ...config, hidden_act: "gelu" }),
    (error) =>
      error instanceof ConfigError &&
      error.message.includes('hidden_act is "gelu"'),
  );
});

Deno.test("soft caps are saved as floats, which transformers asks for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const spec = FAMILIES.gemma2.describe({
      ...TINY,
      model_type: "gemma2",
      final_logit_softcapping: 30,
      attn_logit_softcapping: 0.5,
    });
    await saveModelFolder(`${folder}/model`, {
      config: spec.config,
      floats: spec.floats,
      tensors: [],
      dtype: "float32",
    });
    const text = await Deno.readTextFile(`${folder}/model/config.json`);
    assert.match(text, /"final_logit_softcapping": 30\.0,?\n/);
    assert.match(text, /"attn_logit_softcapping": 0\.5,?\n/);
    assert.match(text, /"hidden_size": 16,\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function checkAll(cases: readonly SweepCase[]): Promise<void> {
  for (const [type, architecture] of Object.entries(FAMILIES)) {
    await checkCases(
      architecture,
      cases.filter(({ config }) => config.model_type === type),
    );
  }
}

Deno.test("random configs of dense families compute what transformers computes", async () => {
  await checkAll(
    JSON.parse(Deno.readTextFileSync(`${GOLDEN}families.json`)),
  );
});

Deno.test({
  name:
    "hundreds of random configs of dense families compute what transformers computes",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    const printed = await python([
      `${GOLDEN}make_families.py`,
      "--sweep",
      "300",
      "--seed",
      seed,
    ]);
    await checkAll(JSON.parse(printed));
  },
});

// checkpoints with images: `text_tower_test.ts`
const SAVED: { readonly [type: string]: Architecture } = {
  ...FAMILIES,
  ...Object.fromEntries(
    llamaArchitecture.modelTypes.map((type) => [type, llamaArchitecture]),
  ),
  eurobert: eurobertWith(activations),
  gpt2: gpt2Architecture,
};
for (const [model_type, architecture] of Object.entries(SAVED)) {
  Deno.test({
    name:
      `what a run saves of a ${model_type} is the same model in transformers`,
    ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
    fn: () => checkSaved(model_type, architecture),
  });
}
