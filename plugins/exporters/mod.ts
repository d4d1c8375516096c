/**
 * The exporters that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { huggingface } from "./huggingface.ts";
import { onnx } from "./onnx/onnx.ts";

export { huggingface, onnx };

/** Every exporter. */
export const exporters: readonly AnyPart[] = [huggingface, onnx];
