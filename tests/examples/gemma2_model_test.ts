/**
 * The example of a model family, against transformers 5.23: a tiny random Gemma 2 (tests/golden/gemma2), and
 * random configs whose weights both sides make by the same hash. The reference computes in double precision,
 * torch in float32: 1e-4 on logits, 1e-3 relative on norms of gradients.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import { builtinActivations, testModel } from "@denotune/denotune/testing";
import { inventoryOf } from "../../core/engine/build_model.ts";
import { initialWeights } from "../../core/io/initial_weights.ts";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { gemma2With } from "../../examples/gemma2_model/gemma2.ts";
import { layOut } from "../conformance/model/tiny_model.ts";
import { BACKENDS, openBackend } from "../golden/_backends.ts";
import { checkCases } from "../golden/_hashed.ts";
import {
  checkGolden,
  close,
  goldenOf,
  loadGolden,
} from "../golden/_model_checks.ts";

const gemma2 = gemma2With(await builtinActivations());
const ROOT = new URL("../../", import.meta.url).pathname;
const GOLDEN = `${ROOT}tests/golden/`;
const TINY = { path: `${GOLDEN}gemma2/tiny`, architecture: gemma2 };

const SMALL = {
  model_type: "gemma2",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  sliding_window: 4,
  query_pre_attn_scalar: 6,
  max_position_embeddings: 64,
};

testModel("gemma2", gemma2, {
  tied: { ...SMALL, attn_logit_softcapping: 3, final_logit_softcapping: 4 },
  "untied, biases, no caps": {
    ...SMALL,
    tie_word_embeddings: false,
    attention_bias: true,
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
  },
});

for (const backend of BACKENDS) {
  Deno.test(`gemma2 on ${backend.name} computes what transformers computes`, async (t) => {
    await using device = await openBackend(backend);
    await checkGolden(t, device, TINY);
    await t.step("greedy ids", async () => {
      const { prompt, greedy } = goldenOf(TINY.path);
      assert.ok(prompt !== undefined && greedy !== undefined);
      await using model = await loadGolden(device, TINY, { maxLength: 80 });
      const V = model.inventory.weights[0].shape[0];
      const best = (logits: Float32Array) => {
        const last = logits.subarray(-V);
        return last.indexOf(Math.max(...last));
      };
      const ids = [best(await model.cached(prompt, 0))];
      while (ids.length < greedy.length) {
        const from = prompt.length + ids.length - 1;
        ids.push(best(await model.cached([ids[ids.length - 1]], from)));
      }
      assert.deepEqual(ids, greedy);
    });
  });
}

Deno.test("random Gemma 2 configs compute what transformers computes", async () => {
  await checkCases(
    gemma2,
    JSON.parse(Deno.readTextFileSync(`${GOLDEN}gemma2_sweep.json`)),
  );
});

Deno.test({
  name: "hundreds of random Gemma 2 configs compute what transformers computes",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    const { stdout, stderr, success } = await new Deno.Command("python3", {
      args: [`${GOLDEN}make_gemma2.py`, "--sweep", "300", "--seed", seed],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await checkCases(gemma2, JSON.parse(new TextDecoder().decode(stdout)));
  },
});

Deno.test("gemma2 starts its norms at the factor 1, with weights of 0", () => {
  const { weights } = inventoryOf(gemma2.describe(SMALL), 8);
  const norm = weights.find((w) => w.name === "model.norm.weight");
  assert.ok(norm !== undefined);
  assert.deepEqual(initialWeights(norm, 0), new Float32Array(16));
});

Deno.test("gemma2 refuses what it cannot follow, by name", () => {
  for (
    const [key, value] of Object.entries({
      use_bidirectional_attention: true,
      hidden_activation: "no-such",
      num_local_experts: 4,
      layer_types: ["full_attention"],
    })
  ) {
    assert.throws(
      () => gemma2.describe({ ...SMALL, [key]: value }),
      new RegExp(key),
    );
  }
});

Deno.test({
  name: "what a run of the example saves is the same Gemma 2 in transformers",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await train(`${ROOT}examples/gemma2_model/run.yaml`, {
        overrides: [
          `output_dir=${folder}/run`,
          "backend={use: cpu, workers: 1}",
          "trackers=[]",
          "training.max_steps=2",
        ],
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
      assert.equal(found.model_type, "gemma2");
      await using device = localDevice(new ReferenceExecutor());
      await using model = await loadGolden(device, {
        path: `${folder}/run`,
        architecture: gemma2,
      });
      const logits = await model.logits(layOut([[{ ids, labels: ids }]]));
      close(logits, found.logits.flat(), { absolute: 1e-4 });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
