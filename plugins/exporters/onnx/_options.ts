/**
 * Options of both exporters, and what each storage costs.
 * @module
 */
import type { StorageError } from "@denotune/denotune/core";
import { z } from "zod";
import { BLOCK } from "./file/weights.ts";

/** How a model is stored. */
export type OnnxQuantization = "f32" | "f16" | "q8" | "q4" | "q4f16";

/** Options of the exporters `onnx` and `onnx-lora`. */
export interface OnnxOptions {
  readonly quantization: OnnxQuantization;
  readonly max_file: string;
}

/** Their schema. */
export const onnxOptions: z.ZodType<OnnxOptions, Partial<OnnxOptions>> = z
  .strictObject({
    quantization: z.enum(["f32", "f16", "q8", "q4", "q4f16"]).default("f32")
      .describe(
        "how the weights are stored: q8 and q4 in blocks of 32 (MatMulNBits), q4f16 with products in float16",
      ),
    max_file: z.string().default("2GB").describe(
      "largest file: beyond it weights are stored beside the graph (external data)",
    ),
  });

/** How far log-probabilities may move on average, in nats. */
export const DRIFT: Readonly<Record<OnnxQuantization, number>> = {
  f32: 1e-3,
  f16: 0.01,
  q8: 0.05,
  q4: 1,
  q4f16: 1,
};

/** Share of the largest number of a block by which another may be off. */
const SHARE = {
  // half a step of 1 / 127, and the rounding of the scale
  q8: 1 / 254 + 2 ** -20,
  // a step of 1 / 8: where the largest is -8, its opposite becomes 7
  q4: 1 / 8 + 2 ** -10,
} as const;

/** How far a number of a matrix may be off that is stored so. */
export function storageError(
  quantization: OnnxQuantization,
  shape: readonly number[],
): StorageError {
  if (quantization === "f32" || shape.length < 2) {
    return { block: 1, relative: 0 };
  }
  if (quantization === "f16") {
    return { block: 1, relative: 2 ** -11, absolute: 2 ** -25 };
  }
  return {
    block: BLOCK,
    relative: quantization === "q8" ? SHARE.q8 : SHARE.q4,
    absolute: 2 ** -24,
  };
}

/** The same of a matrix whose blocks run down its columns: all that is known of a block is the matrix's largest number. */
export function columnError(
  quantization: OnnxQuantization,
  largest: number,
): StorageError {
  const { relative, absolute = 0 } = storageError(quantization, [1, 1]);
  return { block: 1, relative: 0, absolute: relative * largest + absolute };
}
