/**
 * The example of a model family: the public suite, random configs against transformers 5.23 (as in
 * `tests/plugins/models/families_test.ts`), and what a run of it saves. `tests/golden/families_test.ts` has the rest.
 */
import assert from "node:assert/strict";
import { builtinActivations, testModel } from "@denotune/denotune/testing";
import { gptNeoxWith } from "../../examples/gpt_neox_model/gpt_neox.ts";
import { checkCases, type SweepCase } from "../golden/_hashed.ts";
import { checkSaved } from "../golden/_saved.ts";

const gptNeox = gptNeoxWith(await builtinActivations());
const ROOT = new URL("../../", import.meta.url).pathname;

const SMALL = {
  model_type: "gpt_neox",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 64,
};

testModel("gpt_neox", gptNeox, {
  parallel: SMALL,
  "in sequence, tied, half of the columns turned, no biases": {
    ...SMALL,
    use_parallel_residual: false,
    tie_word_embeddings: true,
    rotary_pct: 0.5,
    attention_bias: false,
  },
});

Deno.test("random GPT-NeoX configs compute what transformers computes", async () => {
  const cases: readonly SweepCase[] = JSON.parse(
    Deno.readTextFileSync(`${ROOT}tests/golden/families.json`),
  );
  const own = cases.filter(({ config }) => config.model_type === "gpt_neox");
  assert.ok(own.length > 0);
  await checkCases(gptNeox, own);
});

Deno.test("gpt_neox refuses what it cannot follow, by name", () => {
  for (
    const [key, value] of Object.entries({
      hidden_act: "no-such",
      rope_theta: 5000,
      num_local_experts: 4,
      rotary_pct: 0.01,
    })
  ) {
    assert.throws(
      () => gptNeox.describe({ ...SMALL, [key]: value }),
      new RegExp(`${key} is`),
    );
  }
});

Deno.test("the head of an old Pythia file is found under its name there", () => {
  const spec = gptNeox.describe(SMALL);
  assert.deepEqual(spec.aliases("lm_head.weight"), ["embed_out.weight"]);
  assert.ok(spec.ignores("gpt_neox.layers.3.attention.masked_bias"));
  assert.ok(!spec.ignores("gpt_neox.layers.3.attention.dense.bias"));
});

Deno.test({
  name: "what a run of the example saves is the same GPT-NeoX in transformers",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  fn: () =>
    checkSaved("gpt_neox", gptNeox, [
      `${ROOT}examples/gpt_neox_model/gpt_neox.ts`,
    ]),
});
