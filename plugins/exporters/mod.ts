/**
 * The exporters that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { huggingface } from "./huggingface.ts";
import { onnx } from "./onnx/onnx.ts";
import { onnxLora } from "./onnx/onnx_lora.ts";

export { huggingface, onnx, onnxLora };

/** Every exporter. */
export const exporters: readonly AnyPart[] = [huggingface, onnx, onnxLora];
