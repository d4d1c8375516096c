/**
 * Built-in models: families of architectures that read a `config.json`.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";

export { gpt2, gpt2With } from "./gpt2.ts";
export { llama, llamaWith } from "./llama.ts";

/** Every built-in model part. */
export const modelParts: readonly AnyPart[] = [llama, gpt2];
