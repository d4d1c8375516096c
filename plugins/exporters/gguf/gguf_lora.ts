/**
 * `gguf-lora`: a LoRA as a file of its own, which llama.cpp and Ollama add to a base that was exported as GGUF.
 * @module
 */
import { join } from "node:path";
import { definePart, type Exporter, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { fileName, findFile } from "./_files.ts";
import { QUANTIZATIONS } from "./model/choose_types.ts";

/** Options of the exporter `gguf-lora`. */
export interface GgufLoraOptions {
  readonly quantization: "f32" | "f16" | "bf16";
}

/** The part `gguf-lora`. */
export const ggufLora: Part<
  "exporter",
  Partial<GgufLoraOptions>,
  GgufLoraOptions
> = definePart({
  kind: "exporter",
  name: "gguf-lora",
  description:
    "A LoRA as a GGUF file, which llama.cpp and Ollama add to a base exported as GGUF",
  options: z.strictObject({
    quantization: z.enum(["f32", "f16", "bf16"]).default("f32").describe(
      "How the tensors of the adapter are stored",
    ),
  }),
  create: (options) => exporterOf(options),
});

function exporterOf({ quantization }: GgufLoraOptions): Exporter {
  const { type } = QUANTIZATIONS[quantization];
  const heavy = () => import("./lora.ts");
  return {
    writes: "adapter",
    drift: { f32: 1e-3, f16: 0.01, bf16: 0.05 }[quantization],
    storageError: () => ({
      block: 1,
      relative: type.relative + 2 ** -22,
      absolute: type.absolute,
    }),
    async check(request) {
      (await heavy()).planAdapter(request);
    },
    async write(request) {
      const { writeAdapter } = await heavy();
      const name = fileName(request, `lora-${quantization}`);
      await writeAdapter(join(request.folder, name), { request, type });
      return [name];
    },
    async read(request) {
      const { readAdapter } = await heavy();
      return await readAdapter(findFile(request.folder), request);
    },
    async annotate(request, figures) {
      const { annotate } = await import("./file/annotate.ts");
      await annotate(findFile(request.folder), figures);
    },
  };
}
