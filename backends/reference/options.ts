/**
 * Options of the reference backend.
 * @module
 */
import { z } from "zod";

/** The reference backend's options in a run file. */
export interface ReferenceOptions {
  /** Most memory of tensors, GB of their stored size. */
  readonly memory_gb: number;
  /** Whether kernels are timed. */
  readonly profile: boolean;
}

/** Schema of {@linkcode ReferenceOptions}; parsed once by the registry and once by the worker. */
export const referenceOptions: z.ZodType<
  ReferenceOptions,
  Partial<ReferenceOptions>
> = z.strictObject({
  memory_gb: z.number().positive().default(4).describe(
    "Most memory that tensors may use, in GB as their stored size; the process needs three times as much",
  ),
  profile: z.boolean().default(false).describe(
    "Measure the time of every kernel",
  ),
});
