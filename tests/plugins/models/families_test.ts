/**
 * Dense families against transformers 5.23: random configs, with weights that both sides make by the same hash.
 * 1e-4 on logits, 1e-4 relative on losses, 1e-3 on norms of gradients.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import { type Architecture, ConfigError } from "@denotune/denotune/core";
import {
  graniteWith,
  olmo2With,
  smollm3With,
} from "../../../plugins/models/mod.ts";
import { testModel } from "../../conformance/model.ts";
import { builtinActivations } from "../../conformance/model/architectures.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { layOut } from "../../conformance/model/tiny_model.ts";
import { checkCases, type SweepCase } from "../../golden/_hashed.ts";
import { close, loadGolden } from "../../golden/_model_checks.ts";

const activations = await builtinActivations();
const FAMILIES: { readonly [type: string]: Architecture } = {
  granite: graniteWith(activations),
  olmo2: olmo2With(activations),
  smollm3: smollm3With(activations),
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
};

for (const [model_type, architecture] of Object.entries(FAMILIES)) {
  testModel(model_type, architecture, {
    plain: { ...TINY, model_type },
    special: { ...TINY, model_type, ...SPECIAL[model_type] },
  });

  Deno.test(`${model_type} refuses a key that it does not have, and names what is wrong`, () => {
    for (
      const change of [
        { clip_qkv: 4 },
        { num_key_value_heads: 3 },
        { head_dim: 3 },
        { hidden_act: "no-such" },
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
    const { stdout, stderr, success } = await new Deno.Command("python3", {
      args: [`${GOLDEN}make_families.py`, "--sweep", "300", "--seed", seed],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await checkAll(JSON.parse(new TextDecoder().decode(stdout)));
  },
});

for (const [model_type, architecture] of Object.entries(FAMILIES)) {
  Deno.test({
    name:
      `what a run saves of a ${model_type} is the same model in transformers`,
    ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        await train({
          output_dir: `${folder}/run`,
          backend: { use: "cpu", workers: 1 },
          model: {
            from_config: {
              ...TINY,
              ...SPECIAL[model_type],
              model_type,
              vocab_size: 259,
              bos_token_id: 256,
              eos_token_id: 257,
              pad_token_id: null,
            },
          },
          tokenizer: "byte",
          data: {
            train: [{
              rows: [{ text: "abc def" }, { text: "ghi" }],
              format: "text",
            }],
            max_length: 32,
          },
          training: { max_steps: 2, batch_size: 2 },
          trackers: [],
        });
        const ids = [1, 5, 77, 200, 3, 3, 9];
        const { stdout, stderr, success } = await new Deno.Command("python3", {
          args: [
            `${GOLDEN}witness_load.py`,
            `${folder}/run`,
            "--ids",
            ids.join(","),
          ],
        }).output();
        assert.ok(success, new TextDecoder().decode(stderr));
        const found = JSON.parse(new TextDecoder().decode(stdout));
        assert.deepEqual(found.problems, []);
        assert.equal(found.model_type, model_type);
        await using device = localDevice(new ReferenceExecutor());
        await using model = await loadGolden(device, {
          path: `${folder}/run`,
          architecture,
        });
        const logits = await model.logits(layOut([[{ ids, labels: ids }]]));
        close(logits, found.logits.flat(), { absolute: 1e-4 });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
