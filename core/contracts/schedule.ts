/**
 * A schedule gives the learning rate of each step as a factor.
 * @module
 */

/** The length of a run. */
export interface RunLength {
  /** Optimizer steps of the run. */
  readonly totalSteps: number;
}

/** Learning rate over time. */
export interface Schedule {
  /** Factor on the optimizer's learning rate at `step` (counted from 0), normally in [0, 1]. */
  factor(step: number, run: RunLength): number;
}
