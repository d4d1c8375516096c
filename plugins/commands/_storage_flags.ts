/**
 * Flags of commands that open saved models: what computes, and how weights are stored.
 * @module
 */
import type { LoadModelOptions } from "@denotune/denotune/core";
import { z } from "zod";

/** The flags, among a command's options. */
export const storageFlags = {
  backend: z.string().default("auto").meta({ placeholder: "name" }).describe(
    "what computes: auto, cpu, webgpu, reference",
  ),
  dtype: z.enum(["float32", "bfloat16", "float16"]).optional().describe(
    "how weights are stored (default: as the run's, else float32)",
  ),
  quantization: z.enum(["int8", "nf4", "none"]).optional().describe(
    "how matrices are stored, the head in int8 beside both (default: as the run's, else none)",
  ),
} as const;

interface StorageFlags {
  readonly backend: string;
  readonly dtype?: "float32" | "bfloat16" | "float16";
  readonly quantization?: "int8" | "nf4" | "none";
}

/** What was given, as the library takes it: `none` is null; what was not given is as the run's. */
export function storageOf(
  { backend, dtype, quantization }: StorageFlags,
): Pick<LoadModelOptions, "dtype" | "quantization"> & {
  readonly backend: string;
} {
  return {
    backend,
    dtype,
    quantization: quantization === "none" ? null : quantization,
  };
}
