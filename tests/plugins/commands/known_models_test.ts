/** Models that are known by name. */
import assert from "node:assert/strict";
import gptNeox from "../../../examples/gpt_neox_model/gpt_neox.ts";
import {
  familiesOf,
  findKnown,
  knownModels,
  nearestKnown,
  shortName,
} from "../../../plugins/commands/_known_models.ts";
import { templateParts } from "../../../plugins/templates/mod.ts";
import { objectives } from "../../../plugins/objectives/mod.ts";
import { builtinRegistry } from "../../run_harness.ts";

const registry = builtinRegistry();
const known = await knownModels(registry);

Deno.test("a model is found by its Hub id and by its short name, however they are written", () => {
  for (
    const [name, id] of [
      ["gemma-3-270m", "google/gemma-3-270m"],
      ["Gemma3-1B-it", "google/gemma-3-1b-it"],
      ["gemma_2_2b", "google/gemma-2-2b"],
      ["lfm2-350m", "LiquidAI/LFM2-350M"],
      ["LFM2-1.2B", "LiquidAI/LFM2-1.2B"],
      ["smollm2-135m", "HuggingFaceTB/SmolLM2-135M"],
      ["SmolLM3-3B", "HuggingFaceTB/SmolLM3-3B"],
      ["granite-3.3-2b-instruct", "ibm-granite/granite-3.3-2b-instruct"],
      ["olmo-2-0425-1b", "allenai/OLMo-2-0425-1B"],
      ["olmo-3-1025-7b", "allenai/Olmo-3-1025-7B"],
      ["phi-3.5-mini-instruct", "microsoft/Phi-3.5-mini-instruct"],
      ["phi4-mini-instruct", "microsoft/Phi-4-mini-instruct"],
      ["ministral-3-3b-base-2512", "mistralai/Ministral-3-3B-Base-2512"],
      ["qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B"],
      ["qwen/qwen3-0.6b", "Qwen/Qwen3-0.6B"],
      ["llama-3.2-1b", "meta-llama/Llama-3.2-1B"],
      ["mistral-7b-v0.3", "mistralai/Mistral-7B-v0.3"],
      ["eurobert-210m", "EuroBERT/EuroBERT-210m"],
      ["gpt2", "openai-community/gpt2"],
    ]
  ) assert.equal(findKnown(name, known)?.model.id, id, name);
  assert.equal(findKnown("other/gemma-3-270m", known), null);
});

Deno.test("a near miss names the nearest", () => {
  assert.equal(nearestKnown("gema-3-270m", known), "gemma-3-270m");
  assert.equal(nearestKnown("qwen3-0.5b", known), "Qwen3-0.6B");
  assert.equal(nearestKnown("google/gemma3-270", known), "google/gemma-3-270m");
  assert.equal(nearestKnown("zzzzzzzz", known), null);
});

Deno.test("names are unique, and say what exists: types that the part reads, templates, objectives", async () => {
  const short = known.map(({ model }) => shortName(model).toLowerCase());
  assert.equal(new Set(short).size, short.length);
  const templates = templateParts.map(({ name }) => name);
  const types = new Set<string>();
  for (const name of registry.names("model")) {
    for (const family of await familiesOf(name, registry)) {
      types.add(family.modelType);
      assert.ok(
        family.objective === undefined ||
          objectives.some((o) => o.name === family.objective),
      );
      const sizes = family.popular.map(({ millions }) => millions);
      assert.deepEqual(sizes, sizes.toSorted((a, b) => a - b), name);
      for (const { template, id } of family.popular) {
        assert.ok(template === null || templates.includes(template), id);
      }
    }
  }
  for (const type of ["llama", "mistral", "qwen2", "qwen3", "gemma3"]) {
    assert.ok(types.has(type), type);
  }
});

Deno.test("a plugin's models are known like those that come with the program", async () => {
  assert.equal(findKnown("pythia-160m", known), null);
  const more = builtinRegistry();
  more.add(gptNeox, "gpt_neox");
  const found = findKnown("pythia-160m", await knownModels(more));
  assert.equal(found?.model.id, "EleutherAI/pythia-160m");
  assert.deepEqual(found?.family.adapterTargets, ["query_key_value"]);
});
