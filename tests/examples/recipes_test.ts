import assert from "node:assert/strict";
import { loadRun } from "../../core/config/load.ts";
import { builtIn } from "../../plugins/library.ts";
import {
  findKnown,
  knownModels,
} from "../../plugins/commands/_known_models.ts";
import { openRegistry } from "../../core/config/parts/open_registry.ts";

const folder = new URL("../../examples/recipes/", import.meta.url);
const registry = await openRegistry(builtIn);
const recipes = [...Deno.readDirSync(folder)].map((e) => e.name)
  .filter((name) => name.endsWith(".yaml")).sort();

Deno.test("there are recipes for popular models and the OpenCoder mixture", () => {
  assert.deepEqual(recipes, [
    "eurobert_210m_masked.yaml",
    "gemma3_270m_lora.yaml",
    "lfm2_350m_lora.yaml",
    "llama3.2_1b_lora.yaml",
    "opencoder_mixture.yaml",
    "pythia_160m_lora.yaml",
    "qwen3_1.7b_pretrain.yaml",
    "qwen3_1.7b_sft.yaml",
    "smollm2_135m_full.yaml",
    "smollm2_135m_lora.yaml",
    "smollm2_135m_masked_diffusion.yaml",
    "smollm3_3b_lora.yaml",
  ]);
});

for (const name of recipes) {
  const file = new URL(name, folder);

  Deno.test(`${name} is a run that the schema accepts`, async () => {
    const { config, registry: own } = await loadRun({
      file: file.pathname,
      registry,
      files: "ignore",
    });
    const known = await knownModels(own);
    assert.ok(findKnown(config.model.path ?? "", known) !== null);
  });

  Deno.test(`${name} says what it needs and the command that runs it`, () => {
    const text = Deno.readTextFileSync(file);
    assert.match(text, /^# Needs {4}\d[\d.]* GB of device memory/m);
    assert.ok(
      text.includes(
        `# Command  deno run -A mod.ts train examples/recipes/${name}`,
      ),
    );
  });
}

Deno.test("the OpenCoder mixture has three configurations with weights 0.4, 0.3, 0.3", async () => {
  const { config } = await loadRun({
    file: new URL("opencoder_mixture.yaml", folder).pathname,
    registry,
    files: "ignore",
  });
  assert.deepEqual(
    config.data.train.map((
      { path, name, weight },
    ) => [path, name, weight]),
    [
      ["OpenCoder-LLM/opc-sft-stage1", "filtered_infinity_instruct", 0.4],
      ["OpenCoder-LLM/opc-sft-stage1", "largescale_diverse_instruct", 0.3],
      ["OpenCoder-LLM/opc-sft-stage1", "realuser_instruct", 0.3],
    ],
  );
});
