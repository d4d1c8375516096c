/**
 * Built-in models: families of architectures that read a `config.json`.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { eurobert } from "./eurobert.ts";
import { gpt2 } from "./gpt2.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { olmo2 } from "./olmo2.ts";
import { smollm3 } from "./smollm3.ts";

export { eurobert, eurobertWith } from "./eurobert.ts";
export { gpt2, gpt2With } from "./gpt2.ts";
export { granite, graniteWith } from "./granite.ts";
export { llama, llamaWith } from "./llama.ts";
export { olmo2, olmo2With } from "./olmo2.ts";
export { smollm3, smollm3With } from "./smollm3.ts";

/** Every built-in model part. */
export const modelParts: readonly AnyPart[] = [
  llama,
  gpt2,
  granite,
  olmo2,
  smollm3,
  eurobert,
];
