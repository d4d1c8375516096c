import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import assert from "node:assert/strict";
import { ConfigError, type LinearSite } from "@denotune/denotune/core";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { testModel } from "../../conformance/model.ts";

const TINY = {
  model_type: "llama",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
};

testModel("llama", llamaArchitecture, {
  tied: { ...TINY, tie_word_embeddings: true },
  "biases, llama3 positions": {
    ...TINY,
    attention_bias: true,
    mlp_bias: true,
    rope_scaling: {
      rope_type: "llama3",
      factor: 4,
      low_freq_factor: 0.5,
      high_freq_factor: 2,
      original_max_position_embeddings: 16,
    },
  },
  mistral: { ...TINY, model_type: "mistral", sliding_window: 5 },
  qwen2: {
    ...TINY,
    model_type: "qwen2",
    use_sliding_window: true,
    sliding_window: 4,
    max_window_layers: 1,
  },
  qwen3: { ...TINY, model_type: "qwen3", head_dim: 6 },
  "another activation": { ...TINY, hidden_act: "gelu_pytorch_tanh" },
});

const GOLDEN = new URL("../../golden/models/", import.meta.url).pathname;
const FOLDERS = [...Deno.readDirSync(GOLDEN)]
  .filter((e) => e.isDirectory && !e.name.startsWith("gpt2"))
  .map((e) => e.name).sort();

for (const name of FOLDERS) {
  Deno.test(`${name} has the weights that transformers saved, by name and shape`, () => {
    using folder = openModelFolder(`${GOLDEN}${name}`);
    const { weights } = inventoryOf(
      llamaArchitecture.describe(folder.config),
      8,
    );
    assert.deepEqual(
      Object.fromEntries(weights.map((w) => [w.name, w.shape])),
      Object.fromEntries(
        [...folder.tensors.values()].map((t) => [t.name, t.shape]),
      ),
    );
  });

  Deno.test(`${name} is the same model in the spelling of transformers 4`, () => {
    using folder = openModelFolder(`${GOLDEN}${name}`);
    const { config_v4 } = JSON.parse(
      Deno.readTextFileSync(`${GOLDEN}${name}.json`),
    );
    const now = inventoryOf(llamaArchitecture.describe(folder.config), 32);
    const old = inventoryOf(llamaArchitecture.describe(config_v4), 32);
    assert.deepEqual(old.weights, now.weights);
    assert.deepEqual(
      old.constants.map((c) => c.make()),
      now.constants.map((c) => c.make()),
    );
  });
}

/** What a config is refused with. */
function refusal(change: { readonly [key: string]: unknown }): string {
  try {
    llamaArchitecture.describe({ ...TINY, ...change });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({
    message: `not refused: ${JSON.stringify(change)}`,
  });
}

const REFUSED: readonly [
  what: string,
  change: { readonly [key: string]: unknown },
  message: RegExp,
][] = [
  [
    "a rotary type that nobody has",
    { rope_scaling: { type: "axial", factor: 4 } },
    /rope_scaling\.type is "axial"; supported: default, linear, dynamic, llama3, yarn/,
  ],
  [
    "dynamic",
    { rope_scaling: { rope_type: "dynamic", factor: null } },
    /rope_scaling\.factor is missing/,
  ],
  ["longrope", {
    rope_parameters: {
      rope_type: "longrope",
      rope_theta: 1e4,
      long_factor: [1],
    },
  }, /rope_parameters\.long_factor is \[1\]; \d+ numbers above 0 are needed/],
  ["su", { rope_scaling: { type: "su" } }, /"su"/],
  [
    "mrope",
    { rope_scaling: { type: "mrope", mrope_section: [1, 1] } },
    /mrope_section/,
  ],
  ["positions by layer type", {
    rope_parameters: { full_attention: { rope_type: "default" } },
  }, /by layer type \(full_attention\)/],
  ["two settings of positions", {
    rope_scaling: { type: "linear", factor: 2 },
    rope_parameters: { rope_type: "default" },
  }, /both given and differ/],
  [
    "linear without a factor",
    { rope_scaling: { type: "linear" } },
    /rope_scaling\.factor is missing/,
  ],
  [
    "a partial rotation",
    { partial_rotary_factor: 0.5 },
    /partial_rotary_factor is 0\.5/,
  ],
  ["a partial rotation inside", {
    rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 },
  }, /partial_rotary_factor is 0\.5/],
  [
    "an activation that no part brings",
    { hidden_act: "no-such" },
    /hidden_act is "no-such"; supported: .*silu/,
  ],
  ["a key that it has not", { mlp_shards: 4 }, /mlp_shards is 4/],
  [
    "softcaps",
    { final_logit_softcapping: 30 },
    /final_logit_softcapping is 30/,
  ],
  [
    "factors of other models",
    { embedding_multiplier: 12 },
    /embedding_multiplier/,
  ],
  ["experts", { num_local_experts: 8 }, /num_local_experts is 8/],
  ["bidirectional attention", { is_causal: false }, /is_causal is false/],
  ["a window of a llama", { sliding_window: 4096 }, /sliding_window is 4096/],
  [
    "biases of a mistral",
    { model_type: "mistral", attention_bias: true },
    /attention_bias is true/,
  ],
  [
    "biases of a qwen3's MLP",
    { model_type: "qwen3", mlp_bias: true },
    /mlp_bias/,
  ],
  ["layers of unknown kinds", {
    model_type: "qwen2",
    layer_types: ["full_attention", "linear_attention"],
  }, /layer_types/],
  ["windows that are off", {
    model_type: "qwen2",
    layer_types: ["full_attention", "sliding_attention"],
  }, /there is no window/],
  [
    "heads that do not divide",
    { num_key_value_heads: 3 },
    /num_attention_heads 4 is no multiple of num_key_value_heads 3/,
  ],
  ["the default heads of qwen2 in a small one", {
    model_type: "qwen2",
    num_key_value_heads: undefined,
  }, /num_key_value_heads 32 \(the default of qwen2; set it\)/],
  ["an odd head size", { head_dim: 5 }, /head_dim 5 is odd/],
  ["a missing size", { hidden_size: undefined }, /hidden_size is missing/],
  [
    "a size that is text",
    { num_hidden_layers: "2" },
    /num_hidden_layers is "2"; a positive whole number/,
  ],
  [
    "an eps of zero",
    { rms_norm_eps: 0 },
    /rms_norm_eps is 0; a number above 0/,
  ],
];

for (const [what, change, message] of REFUSED) {
  Deno.test(`llama refuses ${what} by name`, () => {
    assert.match(refusal(change), message);
  });
}

Deno.test("llama names every problem at once", () => {
  const message = refusal({
    hidden_act: "no-such",
    num_key_value_heads: 3,
    clip_qkv: 8,
  });
  assert.match(message, /hidden_act/);
  assert.match(message, /num_key_value_heads/);
  assert.match(message, /clip_qkv/);
});

Deno.test("llama ignores keys that cannot change its numbers", () => {
  const spec = llamaArchitecture.describe({
    ...TINY,
    pretraining_tp: 2,
    attention_dropout: 0.1,
    use_cache: false,
    some_note: "hello",
    rope_scaling: null,
    quantization_config: null,
  });
  assert.equal(spec.config.some_note, "hello");
});

Deno.test("llama takes defaults of transformers for absent keys, and saves them", () => {
  const { num_key_value_heads: _, max_position_embeddings: __, ...bare } = TINY;
  const spec = llamaArchitecture.describe(bare);
  const { config, maxPositions } = spec;
  assert.equal(maxPositions, 2048);
  assert.deepEqual(inventoryOf(spec, 8).states[0], {
    name: "state.0.k",
    shape: ["capacity", 16],
  });
  assert.equal(config.rms_norm_eps, 1e-6);
  assert.equal(config.rope_theta, 10000);
  assert.equal(config.tie_word_embeddings, false);
  assert.deepEqual(config.architectures, ["LlamaForCausalLM"]);
  const mistral = { ...TINY, model_type: "mistral" };
  assert.equal(llamaArchitecture.describe(mistral).config.sliding_window, 4096);
});

Deno.test("qwen2 has biases on q, k and v only, qwen3 a norm for each of q and k", () => {
  const names = (model_type: string) => {
    const spec = llamaArchitecture.describe({ ...TINY, model_type });
    return inventoryOf(spec, 8);
  };
  const biased = names("qwen2").sites
    .filter((s): s is { kind: "linear"; site: LinearSite; block: number } =>
      s.kind === "linear" && s.site.bias && s.block === 0
    ).map((s) => s.site.name.replace(/.*\./, ""));
  assert.deepEqual(biased, ["q_proj", "k_proj", "v_proj"]);
  const norm = names("qwen3").weights
    .find((w) => w.name === "model.layers.1.self_attn.k_norm.weight");
  assert.deepEqual(norm?.shape, [128]);
});

Deno.test("llama asks for exact sums where keys are made, and nowhere else", () => {
  const { sites } = inventoryOf(llamaArchitecture.describe(TINY), 8);
  const exact = sites.flatMap((s) =>
    s.kind === "linear" && s.site.exact ? [s.site.name] : []
  );
  assert.deepEqual(exact, [
    "model.layers.0.self_attn.k_proj",
    "model.layers.1.self_attn.k_proj",
  ]);
});

Deno.test("llama finds weights without the prefix, and a tied head under its own name", () => {
  const spec = llamaArchitecture.describe({
    ...TINY,
    tie_word_embeddings: true,
  });
  assert.deepEqual(spec.aliases("model.norm.weight"), ["norm.weight"]);
  assert.deepEqual(spec.aliases("model.embed_tokens.weight"), [
    "embed_tokens.weight",
    "lm_head.weight",
  ]);
  assert.ok(spec.ignores("model.layers.0.self_attn.rotary_emb.inv_freq"));
});
