/** What a run says of a model that nobody reads. */
import assert from "node:assert/strict";
import { creatingWith } from "../../../../core/config/parts/create_part.ts";
import { openRegistry } from "../../../../core/config/parts/open_registry.ts";
import { ConfigError } from "../../../../core/contracts/errors.ts";
import { findArchitecture } from "../../../../core/run/open/open_model.ts";
import { builtIn } from "../../../../plugins/library.ts";

const registry = await openRegistry(builtIn);
const creating = creatingWith(registry, { base: Deno.cwd() });

async function refusal(modelType: unknown): Promise<string> {
  try {
    await findArchitecture(modelType, creating, "x/config.json");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({ message: `${modelType} was found` });
}

Deno.test("an unknown model_type names the nearest one, and what a plugin would bring", async () => {
  for (
    const [type, near] of [
      ["qwen3_moe", "qwen3"],
      ["gemma3n_text", "gemma3_text"],
      ["olmo", "olmo2"],
      ["phi", "phi3"],
      ["Llama", "llama"],
    ]
  ) {
    const message = await refusal(type);
    assert.match(message, new RegExp(`The nearest is ${near}:`), type);
    assert.match(message, /part of the kind model: its modelTypes, describe/);
    assert.match(message, /known: .*granite.*smollm3/);
  }
});

Deno.test("a model_type without a near one, or that is missing, is refused as well", async () => {
  assert.doesNotMatch(await refusal("bert_generation"), /nearest/);
  assert.match(await refusal(undefined), /model_type is missing/);
  assert.equal(
    (await findArchitecture("gemma3", creating, "")).modelTypes.includes(
      "gemma3",
    ),
    true,
  );
});
