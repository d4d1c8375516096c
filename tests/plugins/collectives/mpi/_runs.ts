/**
 * Tiny runs that ranks train, and one process beside them.
 * @module
 */
import type { RunInput } from "../../../../core/config/types.ts";
import { tinyRows, tinyRun } from "../../../run_harness.ts";

/** What is trained, by name. */
export const RUNS: Readonly<Record<string, Partial<RunInput>>> = {
  full: {},
  accumulated: { training: { batch_size: 1, gradient_accumulation_steps: 7 } },
  packed: { data: { train: [], collator: "packed" } },
  lora: { adapter: { use: "lora", r: 4, lora_dropout: 0.2 } },
};

/** One of them, in a folder. */
export function rankRun(
  name: string,
  { folder, steps }: { readonly folder: string; readonly steps: number },
): RunInput {
  const { data, training, ...more } = RUNS[name];
  return tinyRun(folder, {
    ...more,
    backend: { use: "cpu", blas: "off", workers: 1 },
    data: { ...data, train: [{ rows: tinyRows(90), format: "alpaca" }] },
    training: {
      epochs: 100,
      max_steps: steps,
      batch_size: 2,
      gradient_accumulation_steps: 4,
      ...training,
    },
  });
}
