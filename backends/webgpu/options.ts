/**
 * Options of the WebGPU backend.
 * @module
 */
import { z } from "zod";

/** The WebGPU backend's options in a run file. */
export interface WebGpuOptions {
  /** Which of several adapters: its number or part of its name in `doctor`, its PCI address, or one for each rank. */
  readonly adapter: "auto" | "local-rank" | number | string;
  /** What kind of adapter to ask for. */
  readonly power_preference: "high-performance" | "low-power";
  /** Whether an adapter that computes on the processor will do. */
  readonly allow_software: "auto" | boolean;
  /** Most memory of tensors in GB; null: the adapter's limit. */
  readonly memory_gb: number | null;
  /** Whether kernels are timed. */
  readonly profile: boolean;
  /** Where the tiles of matrix products come from. */
  readonly tune: "off" | "cached" | "now";
  /** Whether kernels may exchange numbers within a subgroup. */
  readonly subgroups: boolean;
  /** Which limits are asked for. */
  readonly limits: "adapter" | "default";
  /** Most bytes that one binding covers; larger tensors are bound in slices. */
  readonly max_binding_mb: number | null;
}

/** Schema of {@linkcode WebGpuOptions}; parsed by the registry, and again by the worker. */
export const webGpuOptions: z.ZodType<
  WebGpuOptions,
  Partial<WebGpuOptions>
> = z.strictObject({
  adapter: z.union([
    z.literal("auto"),
    z.literal("local-rank"),
    z.int().min(0),
    z.string().min(1),
  ]).default("auto").describe(
    "Which of several cards: its number in `doctor`, part of its name, or its PCI address; local-rank: each rank of a machine takes the card of its number (on Linux, through Vulkan and Mesa's layer for choosing devices)",
  ),
  power_preference: z.enum(["high-performance", "low-power"]).default(
    "high-performance",
  ).describe("Which adapter to ask for where there are several"),
  allow_software: z.union([z.literal("auto"), z.boolean()]).default("auto")
    .describe(
      "Whether an adapter that computes on the processor will do; auto: only where the run names this backend",
    ),
  memory_gb: z.number().positive().nullable().default(null).describe(
    "Most memory that tensors may use, in GB; null: no bound of our own, WebGPU does not say how much there is",
  ),
  profile: z.boolean().default(false).describe(
    "Measure the time of every kernel on the device (slows the run: one pass a kernel)",
  ),
  tune: z.enum(["off", "cached", "now"]).default("cached").describe(
    "Tiles of matrix products: off takes the built-in table, cached what an earlier tuning measured, now measures what is not in the cache",
  ),
  subgroups: z.boolean().default(true).describe(
    "Use subgroup operations where the adapter has them",
  ),
  limits: z.enum(["adapter", "default"]).default("adapter").describe(
    "Limits to ask for: the adapter's own, or the small ones that every adapter has (to try what runs everywhere)",
  ),
  max_binding_mb: z.number().positive().nullable().default(null).describe(
    "Most MiB that one binding covers, larger tensors are bound in slices; null: the adapter's limit",
  ),
});
