/**
 * The progress of a run, as a checkpoint stores it.
 * @module
 */

import type { MeasuredStep } from "../../contracts/schedule.ts";
import type { LossScale } from "../../engine/update/loss_scaler.ts";
import type { BestSoFar } from "./best_model.ts";

/** The progress of a run: all that a checkpoint stores besides tensors. */
export interface TrainerState {
  /** Optimizer steps done. */
  step: number;
  epoch: number;
  /** Steps done in this epoch. */
  stepInEpoch: number;
  /** Sums of this epoch so far. */
  epochLossSum: number;
  epochWeight: number;
  epochTrainedTokens: number;
  /** Seconds spent in this epoch, before a resume too; absent in checkpoints of older versions. */
  epochSeconds?: number;
  /** An evaluation was due at this step and was interrupted: it comes first when the run resumes. */
  evaluationDue: boolean;
  /** What the evaluations have decided; absent where they are not compared, and in checkpoints of older versions. */
  bestSoFar?: BestSoFar;
  /** What the schedule's metric was in each evaluation; absent where the schedule reads none. */
  measured?: MeasuredStep[];
  /** Sums over the run. */
  trainedTokens: number;
  skippedUpdates: number;
  /** The scale of the next step's gradients; absent where the precision needs none. */
  lossScale?: LossScale;
  /** Sums since the last logged step. */
  window: WindowSums;
}

/** Sums over the steps since the last logged one. */
export interface WindowSums {
  steps: number;
  lossSum: number;
  correctSum: number;
  weight: number;
  realTokens: number;
  paddedTokens: number;
  rows: number;
  gradNorm: number;
  sourceLoss: number[];
  sourceWeight: number[];
  /** What the loss measures, by name. */
  metrics: Record<string, { sum: number; weight: number }>;
}

/** A run that has done nothing yet. */
export function freshState(): TrainerState {
  return {
    step: 0,
    epoch: 0,
    stepInEpoch: 0,
    epochLossSum: 0,
    epochWeight: 0,
    epochTrainedTokens: 0,
    evaluationDue: false,
    trainedTokens: 0,
    skippedUpdates: 0,
    window: emptySums(),
  };
}

/** Sums over no step. */
export function emptySums(): WindowSums {
  return {
    steps: 0,
    lossSum: 0,
    correctSum: 0,
    weight: 0,
    realTokens: 0,
    paddedTokens: 0,
    rows: 0,
    gradNorm: 0,
    sourceLoss: [],
    sourceWeight: [],
    metrics: {},
  };
}
