/**
 * A schedule gives the learning rate of each step as a factor.
 * @module
 */

/** What an evaluation gave. */
export interface MeasuredStep {
  /** Optimizer steps that were done before it. */
  readonly step: number;
  /** The metric; NaN where it was no number. */
  readonly value: number;
}

/** The length of a run, and what it has measured. */
export interface RunLength {
  /** Optimizer steps of the run. */
  readonly totalSteps: number;
  /** The schedule's `metric` in every evaluation so far, in order; absent where the schedule names none. */
  readonly evaluations?: readonly MeasuredStep[];
}

/** Learning rate over time. */
export interface Schedule {
  /**
   * Metric of evaluations that it depends on (`eval_loss`). A run that does not measure it is refused; a run that
   * resumes has the values of before.
   */
  readonly metric?: string;
  /** Factor on the optimizer's learning rate at `step` (counted from 0), normally in [0, 1]. */
  factor(step: number, run: RunLength): number;
}
