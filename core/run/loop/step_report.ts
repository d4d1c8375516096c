/**
 * What steps add to the sums of a run, and what a logged step says of them.
 * @module
 */
import type { Batch } from "../../contracts/collator.ts";
import type { Inputs } from "../../contracts/objective.ts";
import type { StepResult } from "../../engine/update/step_ring.ts";
import type { TrainerState } from "./trainer_state.ts";

/** What one logged step says. Loss and accuracy are averages since the last logged one, token-weighted. */
export interface StepReport {
  readonly loss: number;
  /** Null: the objective's loss does not measure it. */
  readonly token_accuracy: number | null;
  readonly learning_rate: number;
  readonly grad_norm: number;
  readonly trained_tokens: number;
  readonly total_trained_tokens: number;
  readonly padded_tokens: number;
  readonly tokens_per_second: number;
  readonly trained_tokens_per_second: number;
  readonly seconds_left: number;
  readonly skipped_updates: number;
  /** What the next step's gradients are multiplied by; absent where the precision needs no scale. */
  readonly loss_scale?: number;
  readonly source_losses: readonly (number | null)[];
  /** What the objective's loss measures; undefined where it has none of its own. */
  readonly metrics: Readonly<Record<string, number | null>> | undefined;
}

/** What the host knows of a step whose results are still on the device. */
export interface PendingStep {
  readonly divisor: number;
  /** By source: what its loss sum is divided by. */
  readonly sourceWeights: Float64Array;
  readonly realTokens: number;
  readonly paddedTokens: number;
  /** Trained tokens. */
  readonly rows: number;
}

/** A step that has been enqueued. */
export function pendingStep({ batches, micro, divisor, sources }: {
  readonly batches: readonly Pick<Batch, "B" | "T" | "realTokens">[];
  readonly micro: readonly Inputs[];
  readonly divisor: number;
  /** How many there are. */
  readonly sources: number;
}): PendingStep {
  const sourceWeights = new Float64Array(sources);
  for (const { weights, sources: sourceOf, divisorBySource } of micro) {
    if (divisorBySource === undefined) {
      weights.forEach((w, i) => sourceWeights[sourceOf[i]] += w);
    } else {
      sourceWeights.forEach((_, s) =>
        sourceWeights[s] += divisorBySource[s] ?? 0
      );
    }
  }
  return {
    divisor,
    sourceWeights,
    realTokens: batches.reduce((n, b) => n + b.realTokens, 0),
    paddedTokens: batches.reduce((n, b) => n + b.B * b.T - b.realTokens, 0),
    rows: micro.reduce((n, inputs) => n + inputs.rows.length, 0),
  };
}

/** Adds a step to the sums since the last logged one, to those of the epoch and to those of the run. */
export function addResult(
  state: TrainerState,
  result: StepResult,
  pending: PendingStep,
): void {
  const sums = state.window;
  sums.steps++;
  sums.gradNorm = result.gradNorm;
  sums.realTokens += pending.realTokens;
  sums.paddedTokens += pending.paddedTokens;
  sums.rows += pending.rows;
  state.trainedTokens += pending.rows;
  state.epochTrainedTokens += pending.rows;
  if (!result.finite) state.skippedUpdates++;
  // one NaN would make every average that it is part of NaN
  if (!Number.isFinite(result.lossSum)) return;
  sums.lossSum += result.lossSum;
  sums.correctSum += result.correctSum;
  sums.weight += pending.divisor;
  result.sourceLossSums.forEach((loss, s) => {
    sums.sourceLoss[s] = (sums.sourceLoss[s] ?? 0) + loss;
    sums.sourceWeight[s] = (sums.sourceWeight[s] ?? 0) +
      pending.sourceWeights[s];
  });
  for (const [name, { sum, weight }] of Object.entries(result.metrics)) {
    const own = sums.metrics[name] ??= { sum: 0, weight: 0 };
    own.sum += sum;
    own.weight += weight;
  }
  state.epochLossSum += result.lossSum;
  state.epochWeight += pending.divisor;
}

/** What the steps since the last logged one say. */
export function stepReport(
  { window: sums, ...state }: Readonly<TrainerState>,
  of: {
    /** Of training since the last logged step. */
    readonly seconds: number;
    readonly secondsLeft: number;
    readonly learningRate: number;
    /** Whether the loss counts right tokens, and whether it measures something of its own. */
    readonly hasAccuracy: boolean;
    readonly hasMetrics: boolean;
  },
): StepReport {
  return {
    loss: sums.lossSum / sums.weight,
    token_accuracy: of.hasAccuracy ? sums.correctSum / sums.weight : null,
    learning_rate: of.learningRate,
    grad_norm: sums.gradNorm,
    trained_tokens: sums.rows,
    total_trained_tokens: state.trainedTokens,
    padded_tokens: sums.paddedTokens,
    tokens_per_second: sums.realTokens / of.seconds,
    trained_tokens_per_second: sums.rows / of.seconds,
    seconds_left: of.secondsLeft,
    skipped_updates: state.skippedUpdates,
    ...(state.lossScale === undefined
      ? {}
      : { loss_scale: state.lossScale.scale }),
    source_losses: sums.sourceLoss.map((loss, s) =>
      sums.sourceWeight[s] > 0 ? loss / sums.sourceWeight[s] : null
    ),
    metrics: of.hasMetrics
      ? Object.fromEntries(
        Object.entries(sums.metrics).map(([name, { sum, weight }]) => [
          name,
          weight > 0 && Number.isFinite(sum) ? sum / weight : null,
        ]),
      )
      : undefined,
  };
}
