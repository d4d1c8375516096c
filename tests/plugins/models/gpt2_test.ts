import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import assert from "node:assert/strict";
import { ConfigError } from "@denotune/denotune/core";
import { gpt2Architecture } from "../../conformance/model/architectures.ts";
import { testModel } from "../../conformance/model.ts";
import { testData } from "../../test_data.ts";

const TINY = {
  model_type: "gpt2",
  vocab_size: 23,
  n_embd: 16,
  n_head: 4,
  n_layer: 2,
  n_positions: 32,
};

testModel("gpt2", gpt2Architecture, {
  tied: TINY,
  "untied, exact gelu": {
    ...TINY,
    tie_word_embeddings: false,
    n_inner: 20,
    activation_function: "gelu",
    scale_attn_by_inverse_layer_idx: true,
  },
  "unscaled, relu": {
    ...TINY,
    scale_attn_weights: false,
    activation_function: "relu",
  },
});

const GOLDEN = new URL("../../golden/models/", import.meta.url).pathname;

for (const name of ["gpt2-tied", "gpt2-untied"]) {
  Deno.test(`${name} has the weights that transformers saved, by name and shape`, () => {
    using folder = openModelFolder(`${GOLDEN}${name}`);
    const { weights } = inventoryOf(
      gpt2Architecture.describe(folder.config),
      8,
    );
    assert.deepEqual(
      Object.fromEntries(weights.map((w) => [w.name, w.shape])),
      Object.fromEntries(
        [...folder.tensors.values()].map((t) => [t.name, t.shape]),
      ),
    );
  });
}

function refusal(change: { readonly [key: string]: unknown }): string {
  try {
    gpt2Architecture.describe({ ...TINY, ...change });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({ message: "not refused" });
}

Deno.test("gpt2 refuses by name what it cannot follow", () => {
  assert.match(
    refusal({ activation_function: "no-such" }),
    /activation_function is "no-such"; supported: .*gelu_new, .*relu/,
  );
  assert.match(refusal({ add_cross_attention: true }), /add_cross_attention/);
  assert.match(refusal({ n_head: 3 }), /n_embd 16 is no multiple of n_head 3/);
  assert.match(refusal({ n_embd: undefined }), /n_embd is missing/);
});

Deno.test("gpt2 takes the names that other models use for its sizes", () => {
  const { config, layers } = gpt2Architecture.describe({
    model_type: "gpt2",
    vocab_size: 23,
    hidden_size: 16,
    num_attention_heads: 4,
    num_hidden_layers: 3,
    max_position_embeddings: 32,
  });
  assert.equal(layers, 3);
  assert.equal(config.n_layer, 3);
  assert.equal(config.n_positions, 32);
  assert.ok(!("num_hidden_layers" in config));
  assert.match(
    refusal({ num_hidden_layers: 5 }),
    /num_hidden_layers 5 and n_layer 2 are two names of one size/,
  );
});

Deno.test("gpt2 finds weights without the prefix, and ignores masks in the file", () => {
  const spec = gpt2Architecture.describe(TINY);
  assert.deepEqual(spec.aliases("transformer.h.0.ln_1.weight"), [
    "h.0.ln_1.weight",
  ]);
  for (const mask of ["h.0.attn.bias", "transformer.h.11.attn.masked_bias"]) {
    assert.ok(spec.ignores(mask), mask);
  }
  assert.ok(!spec.ignores("h.0.attn.c_attn.bias"));
});

Deno.test("gpt2 starts what adds to the residual smaller", () => {
  const { weights } = inventoryOf(gpt2Architecture.describe(TINY), 8);
  const init = (name: string) => weights.find((w) => w.name === name)?.init;
  assert.deepEqual(init("transformer.h.1.attn.c_attn.weight"), {
    kind: "normal",
    std: 0.02,
  });
  for (const name of ["attn.c_proj", "mlp.c_proj"]) {
    assert.deepEqual(init(`transformer.h.1.${name}.weight`), {
      kind: "normal",
      std: 0.01, // 0.02 / sqrt(2 * 2 layers)
    });
  }
  assert.deepEqual(init("transformer.ln_f.bias"), { kind: "zeros" });
});

const sorter = testData("models/gpt-nano-sort");
Deno.test({
  name: "gpt2 describes gpt-nano-sort",
  ignore: sorter === null,
  fn() {
    using folder = openModelFolder(sorter ?? "");
    const spec = gpt2Architecture.describe(folder.config);
    const { weights } = inventoryOf(spec, 8);
    assert.deepEqual(
      weights.map((w) => w.name).sort(),
      [...folder.tensors.keys()].sort(),
    );
    assert.equal(spec.maxPositions, 11);
    assert.ok(spec.positionsAreBounded);
  },
});
