/**
 * Advice for a user whose GPU was never measured.
 * @module
 */
import type { WebGpuOptions } from "../options.ts";

/** Said once at a run's start; undefined where there is nothing to gain. */
export function adviceFor(
  { software, measured, tune }: {
    readonly software: boolean;
    /** Products that were measured on this adapter. */
    readonly measured: number;
    readonly tune: WebGpuOptions["tune"];
  },
): string | undefined {
  if (software || measured > 0 || tune !== "cached") return undefined;
  return "Matrix products are cut as a table for all GPUs says; the command `doctor --tune` measures once what is best on this one";
}
