/** Which layers `target_modules: default` means. */
import assert from "node:assert/strict";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import gptNeox from "../../../examples/gpt_neox_model/gpt_neox.ts";
import { familiesOf } from "../../../plugins/commands/_known_models.ts";
import { olmo2With } from "../../../plugins/models/mod.ts";
import { builtinRegistry } from "../../run_harness.ts";
import {
  builtinActivations,
  llamaArchitecture,
} from "../../conformance/model/architectures.ts";
import { python } from "../../python.ts";

const TINY = {
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

Deno.test("target_modules: default adapts what PEFT adapts, and every linear layer where PEFT names none", async () => {
  const adapter = loraAdapter(
    loraOptions.parse({ r: 2, target_modules: "default" }),
  );
  const targetsOf = (spec: ReturnType<typeof llamaArchitecture.describe>) => {
    const { sites, weights } = inventoryOf(spec, 8);
    const { target_modules } = adapter.attach({ spec, sites, weights })
      .config({ path: null, revision: null });
    return target_modules;
  };
  assert.deepEqual(
    targetsOf(llamaArchitecture.describe({ ...TINY, model_type: "llama" })),
    ["q_proj", "v_proj"],
  );
  const olmo2 = olmo2With(await builtinActivations());
  assert.deepEqual(
    targetsOf(olmo2.describe({ ...TINY, model_type: "olmo2" })),
    [
      "q_proj",
      "k_proj",
      "v_proj",
      "o_proj",
      "gate_proj",
      "up_proj",
      "down_proj",
    ],
  );
});

Deno.test({
  name: "the default targets of every type are those of PEFT",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const printed = await python([
      "-c",
      "import json; from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as m; print(json.dumps(m))",
    ]);
    const wanted = JSON.parse(printed);
    const registry = builtinRegistry();
    registry.add(gptNeox, "gpt_neox");
    const families = await Promise.all(
      registry.names("model").map((name) => familiesOf(name, registry)),
    );
    for (const { modelType, adapterTargets } of families.flat()) {
      assert.deepEqual(adapterTargets, wanted[modelType], modelType);
    }
  },
});
