/**
 * The built-in architectures with the built-in activations, without a run: for suites and tests that need a
 * model of some family.
 * @module
 */
import {
  type Activations,
  activationsOf,
  API_VERSION,
  type Architecture,
  creatingWith,
  Registry,
} from "@denotune/denotune/core";
import { activations } from "../../../plugins/activations/mod.ts";
import { gpt2With, llamaWith } from "../../../plugins/models/mod.ts";

/** The built-in activations by every name that a config may write: what a model's `create` would be given. */
export async function builtinActivations(): Promise<Activations> {
  const registry = new Registry();
  registry.add({
    name: "denotune",
    api: API_VERSION,
    parts: activations,
  }, "built-in");
  return await activationsOf(creatingWith(registry).host);
}

const found = await builtinActivations();

/** The Llama family: `llama`, `mistral`, `qwen2`, `qwen3`. */
export const llamaArchitecture: Architecture = llamaWith(found);

/** GPT-2. */
export const gpt2Architecture: Architecture = gpt2With(found);
