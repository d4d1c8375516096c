/**
 * The loss of the rows for evaluation: over as many draws as the objective wants, by as many ranks as there are.
 *
 * ```text
 * rank 0   batch 0, batch 2 ─┐
 *                            ├─ all-gather ─► added by rank, on every rank
 * rank 1   batch 1, batch 3 ─┘
 * ```
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import type { Inputs, Objective } from "../../contracts/objective.ts";
import type { EvalEvent } from "../../contracts/tracker.ts";
import type { Engine, EvaluationSums } from "../../engine/engine.ts";
import { sequencesOf } from "../../engine/inputs/level_inputs.ts";
import { type AnsweredBatch, inputsOf } from "../ask/step_answers.ts";
import type { MetricName } from "./check_result.ts";

/** One draw: its sums, and what the loss sum is divided by. */
export interface EvaluationDraw {
  readonly sums: EvaluationSums;
  readonly weight: number;
}

/** What a loss is measured with. */
export interface LossRequest {
  readonly engine: Engine;
  readonly objective: Objective;
  readonly batches: readonly AnsweredBatch[];
  readonly seed: number;
  /** The batches that this process runs: those whose number has the rest `rank`. */
  readonly share: { readonly rank: number; readonly world: number };
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

/** The draws of this process: its share of the batches. Throws the signal's reason. */
export async function evaluationDraws(
  request: LossRequest,
): Promise<EvaluationDraw[]> {
  const { engine, objective: { draws = 1 }, signal } = request;
  const made: EvaluationDraw[] = [];
  for (let draw = 0; draw < draws; draw++) {
    let weight = 0;
    const sums = await engine.evaluate(
      inputsOfDraw(request, draw, (divisor) => weight += divisor),
      signal,
    );
    made.push({ sums, weight });
  }
  return made;
}

/** The rows as the model is run on them. `onDivisor` is given that of every batch, so that ranks need not add it up. */
function* inputsOfDraw(
  { objective, batches, seed, share, onProgress }: LossRequest,
  draw: number,
  onDivisor: (divisor: number) => void,
): Generator<Inputs> {
  const { draws = 1 } = objective;
  let firstSequence = 0;
  for (const [i, given] of batches.entries()) {
    const sequences = sequencesOf(given.batch);
    const inputs = inputsOf(objective, given, {
      seed,
      step: 0,
      firstRow: given.batch.firstRow,
      firstSequence,
      sequences,
      draw,
      training: false,
    });
    firstSequence += sequences;
    onDivisor(inputs.divisor);
    if (i % share.world !== share.rank) continue;
    onProgress(draw * batches.length + i, draws * batches.length);
    yield inputs;
  }
}

/** The draws of all ranks: sums are added in the order of the ranks, so that all have the same bits. */
export async function addDraws(
  draws: readonly EvaluationDraw[],
  collective: Collective,
): Promise<EvaluationDraw[]> {
  const all: EvaluationDraw[] = [];
  for (const { sums, weight } of draws) {
    const own = numbersOf(sums);
    const gathered = await collective.allGather(Float32Array.from(own));
    const total = own.map((_, i) => {
      let sum = 0;
      for (let r = 0; r < collective.world; r++) {
        sum += gathered[r * own.length + i];
      }
      return sum;
    });
    all.push({ sums: sumsOf(total, sums), weight });
  }
  return all;
}

/** Sums as a list. */
function numbersOf(sums: EvaluationSums): number[] {
  return [
    sums.lossSum,
    sums.correctSum,
    ...sums.sourceLossSums,
    ...Object.values(sums.metrics).flatMap(({ sum, weight }) => [sum, weight]),
  ];
}

/** The same back: with as many sources and metrics as `like` has. */
function sumsOf(numbers: readonly number[], like: EvaluationSums) {
  const sources = like.sourceLossSums.length;
  return {
    lossSum: numbers[0],
    correctSum: numbers[1],
    sourceLossSums: numbers.slice(2, 2 + sources),
    metrics: Object.fromEntries(
      Object.keys(like.metrics).map((name, k) => {
        const at = 2 + sources + 2 * k;
        return [name, { sum: numbers[at], weight: numbers[at + 1] }];
      }),
    ),
  };
}

/** The numbers that a run reports of its draws. */
export function lossMetrics(
  all: readonly EvaluationDraw[],
  objective: Objective,
):
  & Pick<EvalEvent, "eval_loss" | "eval_perplexity" | "eval_token_accuracy">
  & Record<MetricName, number | null> {
  const { draws = 1 } = objective;
  const losses = all.filter(({ weight }) => weight > 0)
    .map(({ sums, weight }) => sums.lossSum / weight);
  const weight = all.reduce((sum, one) => sum + one.weight, 0);
  const loss = losses.length > 0
    ? losses.reduce((a, b) => a + b) / losses.length
    : null;
  const measured: Record<MetricName, number | null> = {};
  for (const name of Object.keys(all[0].sums.metrics)) {
    const metric = (of: "sum" | "weight") =>
      all.reduce((sum, { sums: { metrics } }) => sum + metrics[name][of], 0);
    measured[`eval_${name}`] = metric("weight") > 0
      ? finite(metric("sum") / metric("weight"))
      : null;
  }
  if (draws > 1) {
    measured.eval_loss_error = finite(standardError(losses));
    measured.eval_draws = draws;
  }
  // e to the loss and shares of right tokens are of cross-entropy
  const isOwn = objective.loss !== undefined;
  const correct = all.reduce((sum, { sums }) => sum + sums.correctSum, 0);
  return {
    ...measured,
    eval_loss: finite(loss),
    eval_perplexity: loss === null || isOwn ? null : finite(Math.exp(loss)),
    eval_token_accuracy: weight > 0 && !isOwn ? finite(correct / weight) : null,
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** Standard error of the mean of some numbers; null of fewer than two. */
function standardError(values: readonly number[]): number | null {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((a, b) => a + b) / n;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return Math.sqrt(squares / (n - 1) / n);
}
