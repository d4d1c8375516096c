/**
 * EuroBERT; its numbers are compared with transformers in `tests/golden/masked_diffusion_test.ts`.
 */
import assert from "node:assert/strict";
import { loadModel } from "@denotune/denotune";
import { ConfigError } from "@denotune/denotune/core";
import { eurobertWith } from "../../../plugins/models/mod.ts";
import { testModel } from "../../conformance/model.ts";
import { builtinActivations } from "../../conformance/model/architectures.ts";
import { loadGolden } from "../../golden/_model_checks.ts";
import { layOut } from "../../conformance/model/tiny_model.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { close } from "../../golden/_model_checks.ts";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";
import { python } from "../../python.ts";

const eurobert = eurobertWith(await builtinActivations());
const CONFIG = {
  model_type: "eurobert",
  vocab_size: 259,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  mlp_bias: true,
  tie_word_embeddings: false,
  bos_token_id: 256,
  eos_token_id: 257,
  pad_token_id: 258,
  mask_token_id: 259,
};

testModel("eurobert", eurobert, {
  "head with a bias": { ...CONFIG, vocab_size: 23 },
  plain: { ...CONFIG, vocab_size: 23, mlp_bias: false },
});

Deno.test("eurobert: the head has a bias where the MLPs have one, and keys of classifiers are read over", () => {
  const spec = eurobert.describe({ ...CONFIG, classifier_pooling: "late" });
  assert.equal(spec.head.bias, "lm_head.bias");
  assert.equal(spec.attention, "bidirectional");
  assert.equal(
    eurobert.describe({ ...CONFIG, mlp_bias: false }).head.bias,
    undefined,
  );
  assert.throws(
    () => eurobert.describe({ ...CONFIG, num_key_value_heads: 3 }),
    ConfigError,
  );
});

Deno.test("eurobert is trained by objectives that see both sides alone, and never decoded token by token", async () => {
  using folder = testFolder();
  const model = { from_config: CONFIG };
  const training = { max_steps: 2, batch_size: 2 };
  await assert.rejects(
    runConfig(tinyRun(folder.path, { model, training })),
    /see later ones \(model_type eurobert\), and the objective "causal-lm".* trains causal attention; choose an objective that sees both sides, as masked-diffusion/,
  );
  await runConfig(tinyRun(folder.path, {
    model,
    training,
    objective: { use: "masked-diffusion", fill_answer_to: 4 },
  }));
  {
    await using loaded = await loadModel(folder.path, { backend: "cpu" });
    const { ids } = await loaded.generate("abc", { maxNewTokens: 4 });
    assert.ok(ids.length <= 4);
  }
  const path = folder.at("generation_config.json");
  const { denotune_objective: _, ...rest } = JSON.parse(
    Deno.readTextFileSync(path),
  );
  Deno.writeTextFileSync(path, JSON.stringify(rest));
  await assert.rejects(
    loadModel(folder.path, { backend: "cpu" }),
    /cannot be decoded token by token: its tokens see later ones/,
  );
});

Deno.test({
  name: "what a run saves of a eurobert is the same model in transformers",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    using folder = testFolder();
    await runConfig(tinyRun(folder.path, {
      model: { from_config: CONFIG },
      training: { max_steps: 2, batch_size: 2 },
      objective: { use: "masked-diffusion", fill_answer_to: 4 },
    }));
    const ids = [1, 5, 77, 200, 3, 259, 9];
    const printed = await python([
      new URL("../../golden/witness_load.py", import.meta.url).pathname,
      folder.path,
      "--masked",
      "--ids",
      ids.join(","),
    ]);
    const found = JSON.parse(printed);
    assert.deepEqual(found.problems, []);
    assert.equal(found.model_type, "eurobert");
    await using device = localDevice(new ReferenceExecutor());
    await using model = await loadGolden(device, {
      path: folder.path,
      architecture: eurobert,
    });
    const logits = await model.logits(layOut([[{ ids, labels: ids }]]));
    close(logits, found.logits.flat(), { absolute: 1e-4 });
  },
});
