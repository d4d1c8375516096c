/**
 * The exporters that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { gguf } from "./gguf/gguf.ts";
import { ggufLora } from "./gguf/gguf_lora.ts";
import { huggingface } from "./huggingface.ts";
import { onnx } from "./onnx/onnx.ts";
import { onnxLora } from "./onnx/onnx_lora.ts";

export { gguf, ggufLora, huggingface, onnx, onnxLora };

/** Every exporter. */
export const exporters: readonly AnyPart[] = [
  huggingface,
  gguf,
  ggufLora,
  onnx,
  onnxLora,
];
