/**
 * A tracker is told what happens in a run.
 * @module
 */

/** One event, as `metrics.jsonl` writes it. Numbers are finite or null. */
export interface TrackerEvent {
  readonly event:
    | "start"
    | "step"
    | "epoch"
    | "eval"
    | "sample"
    | "save"
    | "notice"
    | "progress"
    | "end";
  readonly step: number;
  readonly epoch: number;
  /** Seconds since the run began. */
  readonly time: number;
  readonly [field: string]: unknown;
}

/** What a tracker knows of the run. */
export interface TrackerContext {
  readonly outputDir: string;
  readonly totalSteps: number;
  /** The step at which the run goes on; 0 for a new run. */
  readonly resumedAt: number;
}

/** Receives events. A throw ends the run: nothing is silent. */
export interface Tracker {
  start(context: TrackerContext): void | Promise<void>;
  event(event: TrackerEvent): void;
  close(): void | Promise<void>;
}
