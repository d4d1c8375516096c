/**
 * The tokenizers that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { byte } from "./byte.ts";
import { huggingface } from "./huggingface.ts";

export { byte, type ByteOptions, byteTokenizer } from "./byte.ts";
export {
  huggingface,
  type HuggingFaceOptions,
  loadTokenizer,
} from "./huggingface.ts";

/** Every tokenizer part. */
export const tokenizerParts: readonly AnyPart[] = [byte, huggingface];
