/**
 * `onnx`: a model for onnxruntime, in programs and in pages, in the layout of files that transformers.js loads. Keys
 * and values of earlier tokens are inputs and outputs of the graph.
 * @module
 */
import { definePart, type Part } from "@denotune/denotune/core";
import { type OnnxOptions, onnxOptions } from "./_options.ts";

/** The part `onnx`. */
export const onnx: Part<"exporter", Partial<OnnxOptions>, OnnxOptions> =
  definePart({
    kind: "exporter",
    name: "onnx",
    description:
      "A graph for onnxruntime and transformers.js, with key/value cache; an adapter is merged",
    options: onnxOptions,
    create: async (options) =>
      (await import("./_exporter.ts")).exporterOf(options),
  });
