/**
 * How a run is watched and stopped, and what it gives.
 * @module
 */
import type { CallWatch } from "../config/parts/guard_part.ts";
import type { Tracker } from "../contracts/tracker.ts";

/** How a run is watched and stopped. */
export interface RunOptions {
  /** Abort: a checkpoint is saved and the run ends as `interrupted`. */
  readonly signal?: AbortSignal;
  /** Trackers besides those of the config: what they throw ends the run. */
  readonly trackers?: readonly Tracker[];
  /** Is informed of which part runs, so that one that never returns can be named. */
  readonly calls?: CallWatch;
  /** The command line that starts this run, for what is said where a device ends it. */
  readonly command?: string;
  /** Receives what a rank says itself when it is asked to stop: trackers listen on rank 0 alone. */
  readonly onRankStops?: (message: string) => void;
}

/** What a run gave. */
export interface RunResult {
  /** Whether it came to its end. */
  readonly status: "done" | "interrupted";
  /** The run folder. */
  readonly outputDir: string;
  /** The trained model or adapter, or the checkpoint from which an interrupted run resumes. */
  readonly path: string;
  /** Optimizer steps done. */
  readonly steps: number;
  /** The numbers of the last evaluation, or of the best one where its model was loaded at the end: `eval_loss`, ... */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** The step of the best evaluation; null where evaluations are not compared, or the run is not over. */
  readonly bestStep: number | null;
  /** Number of this process among those that trained together: 0 wrote the results. */
  readonly rank: number;
  /** SHA-256 of the trained weights, where several ranks trained together; else null. */
  readonly weightsHash: string | null;
}
