/**
 * Built-in models: families of architectures that read a `config.json`.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { eurobert } from "./eurobert.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gpt2 } from "./gpt2.ts";
import { granite } from "./granite.ts";
import { lfm2 } from "./lfm2.ts";
import { llama } from "./llama.ts";
import { ministral3 } from "./ministral3.ts";
import { mistral3 } from "./mistral3.ts";
import { olmo2 } from "./olmo2.ts";
import { olmo3 } from "./olmo3.ts";
import { phi3 } from "./phi3.ts";
import { smollm3 } from "./smollm3.ts";

export { eurobert, eurobertWith } from "./eurobert.ts";
export { gemma2, gemma2With } from "./gemma2.ts";
export { gemma3, gemma3With } from "./gemma3.ts";
export { gpt2, gpt2With } from "./gpt2.ts";
export { granite, graniteWith } from "./granite.ts";
export { lfm2, lfm2With } from "./lfm2.ts";
export { llama, llamaWith } from "./llama.ts";
export { ministral3, ministral3With } from "./ministral3.ts";
export { mistral3, mistral3With } from "./mistral3.ts";
export { olmo2, olmo2With } from "./olmo2.ts";
export { olmo3, olmo3With } from "./olmo3.ts";
export { phi3, phi3With } from "./phi3.ts";
export { smollm3, smollm3With } from "./smollm3.ts";

/** Every built-in model part. */
export const modelParts: readonly AnyPart[] = [
  llama,
  gpt2,
  eurobert,
  gemma2,
  gemma3,
  granite,
  lfm2,
  ministral3,
  mistral3,
  olmo2,
  olmo3,
  phi3,
  smollm3,
];
