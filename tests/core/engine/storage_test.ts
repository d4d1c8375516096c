import assert from "node:assert/strict";
import { weightStorage } from "../../../core/engine/storage.ts";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";

const CONFIG = {
  model_type: "llama",
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 32,
};
const TABLE = "model.embed_tokens.weight";

function storageOf(tied: boolean, trained: readonly string[] = []) {
  const spec = llamaArchitecture.describe({
    ...CONFIG,
    tie_word_embeddings: tied,
  });
  return weightStorage(inventoryOf(spec, 8), {
    trained: new Set(trained),
    adapter: null,
    frozenDtype: "bf16",
    quantization: "nf4",
    quantizationPattern: {},
    byOutput: false,
    headQuantization: "int8",
  });
}

Deno.test("a frozen head has a quantisation of its own: with the embedding where both are one matrix", () => {
  assert.deepEqual(storageOf(true).get(TABLE), {
    shape: [24, 16],
    dtype: "int8",
    transposed: false,
  });
  const untied = storageOf(false);
  assert.equal(untied.get("lm_head.weight")?.dtype, "int8");
  assert.equal(untied.get(TABLE)?.dtype, "bf16");
  assert.equal(
    untied.get("model.layers.0.self_attn.q_proj.weight")?.dtype,
    "nf4",
  );
});

Deno.test("a head that is trained stays in float32", () => {
  assert.equal(storageOf(true, [TABLE]).get(TABLE)?.dtype, "f32");
});
