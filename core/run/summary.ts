/**
 * `summary.json`: the file that a finished run writes last.
 * @module
 */
import { basename, join } from "node:path";
import type { RunConfig } from "../config/types.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { showJson } from "../io/json_file.ts";
import type { Metrics } from "./loop/best_model.ts";
import { checkpointPath } from "./saving/checkpoint.ts";
import { SUMMARY } from "./log/run_files.ts";

/** Writes it: figures of the last evaluation, and which was best where evaluations are compared. */
export function writeSummary(
  { output_dir, training }: Pick<RunConfig, "output_dir" | "training">,
  { steps, seconds, metrics, best }: {
    readonly steps: number;
    readonly seconds: number;
    readonly metrics: Metrics;
    readonly best: { readonly step: number; readonly value: number } | null;
  },
): void {
  const ofBest = best === null ? {} : {
    best_global_step: best.step,
    best_metric: best.value,
    best_model_checkpoint: training.load_best_model_at_end
      ? basename(checkpointPath(output_dir, best.step))
      : null,
  };
  writeFileAtomic(
    join(output_dir, SUMMARY),
    showJson({ steps, seconds, ...metrics, ...ofBest }),
  );
}
