/**
 * `onnx-lora`: a base as a graph whose inputs are the tensors of an adapter too, and the adapter as a file of them, so
 * that a page or a program swaps adapters without loading the base again.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { type OnnxOptions, onnxOptions } from "./_options.ts";

/** The part `onnx-lora`. */
export const onnxLora: Part<"exporter", Partial<OnnxOptions>, OnnxOptions> =
  definePart({
    kind: "exporter",
    name: "onnx-lora",
    description:
      "A base graph for onnxruntime whose inputs are an adapter's tensors too, and a file of the adapter",
    options: onnxOptions,
    create: async (options) =>
      (await import("./_exporter.ts")).loraExporterOf(options),
  });
