/**
 * The exporters that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { huggingface } from "./huggingface.ts";

export { huggingface };

/** Every exporter. */
export const exporters: readonly AnyPart[] = [huggingface];
