/**
 * One optimizer step: its batches are laid out as micro-batches, each rank runs its own, and the update follows.
 * Losses are sums with one division, whatever the accumulation and the number of ranks.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import type { Inputs, Objective } from "../../contracts/objective.ts";
import { type Engine, trainedBatchTokens } from "../../engine/engine.ts";
import { gatherWeights } from "../../engine/ranks/optimizer_shards.ts";
import { sequencesOf } from "../../engine/inputs/level_inputs.ts";
import { sumGradients } from "../../engine/ranks/sum_gradients.ts";
import {
  lossVariables,
  smallSum,
  sumOverRanks,
} from "../../engine/ranks/sum_over_ranks.ts";
import { tokensOf } from "../../engine/ranks/token_rows.ts";
import { type AnsweredBatch, inputsOf } from "../ask/step_answers.ts";
import type { StepVote } from "../ranks/agreed_stop.ts";

/** The micro-batches of a step, those of other ranks too. */
export function microBatches(
  objective: Objective,
  answered: readonly AnsweredBatch[],
  key: { readonly seed: number; readonly step: number },
): Inputs[] {
  const counts = answered.map(({ batch }) => sequencesOf(batch));
  const sequences = counts.reduce((sum, n) => sum + n, 0);
  let firstRow = 0;
  let firstSequence = 0;
  return answered.map((given, i) => {
    const inputs = inputsOf(objective, given, {
      ...key,
      firstRow,
      firstSequence,
      sequences,
      training: true,
    });
    firstRow += given.batch.B;
    firstSequence += counts[i];
    return inputs;
  });
}

/** Receives the last micro-batch of this process while its row losses can be read, before the update. */
export type LastMicro = (inputs: Inputs, index: number) => Promise<void>;

/**
 * Runs a step, `step` counted from 1. Returns what its loss sum is divided by. `onLast` is waited for: it changes
 * nothing that is computed.
 */
export async function runStep(
  { engine, collective, vote = null }: {
    readonly engine: Engine;
    readonly collective: Collective;
    /** What ranks decide together with the step; null or absent: nothing. */
    readonly vote?: StepVote | null;
  },
  micro: readonly Inputs[],
  update: {
    readonly learningRate: number;
    readonly step: number;
    /** What gradients are multiplied by until the update; absent: 1. */
    readonly lossScale?: number;
  },
  onLast: LastMicro | null = null,
): Promise<number> {
  // of the whole step: every rank lays out all micro-batches, and computes its own
  const divisor = micro.reduce((sum, inputs) => sum + inputs.divisor, 0);
  const own = micro.filter((_, i) => i % collective.world === collective.rank);
  if (engine.windowVariables.length > 0) {
    for (const inputs of own) engine.window(inputs);
    if (collective.world > 1) {
      await sumOverRanks(engine.session, engine.windowVariables, collective);
    }
  }
  const tokens = micro.reduce((n, one) => n + trainedBatchTokens(one), 0);
  const run = (inputs: Inputs, onPiece?: (index: number) => void) =>
    engine.micro(inputs, divisor > 0 ? divisor : 1, {
      tokens,
      lossScale: update.lossScale,
      onPiece,
    });
  const last = own.at(-1);
  for (const inputs of own.slice(0, -1)) run(inputs);
  const { trainables, metrics } = engine.planned;
  const isSummed = collective.world > 1 && trainables !== null;
  const finish = async (onPiece?: (index: number) => void) => {
    if (last === undefined) return;
    run(last, onPiece);
    if (onLast !== null) await onLast(last, micro.indexOf(last));
  };
  if (isSummed) {
    // what `onLast` reads is there when the whole micro-batch has run: sums do not wait for it
    let finished = Promise.resolve();
    const summed = sumGradients(engine, collective, {
      start: (onPiece) => finished = finish(onPiece),
      tokens: tokensOf(micro),
      last: () =>
        smallSum(engine.session, lossVariables(metrics), {
          collective,
          numbers: () => vote?.numbers() ?? [],
          decide: (sums) => vote?.decide(sums),
        }),
    });
    await Promise.all([summed, finished]);
  } else await finish();
  engine.update(update);
  if (engine.isSharded && trainables !== null) {
    await gatherWeights(engine.session, trainables, collective);
  }
  return divisor;
}
