/**
 * Tiny runs that ranks train, and one process beside them.
 * @module
 */
import {
  choose,
  defineLoss,
  definePart,
  layOutTargets,
  logProbability,
  type Objective,
  type RowStatistic,
} from "../../../../core/mod.ts";
import type { RunInput } from "../../../../core/config/types.ts";
import { pairs } from "../../../../examples/pairwise_objective/pairs.ts";
import { z } from "zod";
import { tinyRows, tinyRun } from "../../../run_harness.ts";

/** Log-probability of the target under the model that training began with. */
const ofBase: RowStatistic = (row) =>
  logProbability({ ...row, logit: row.second });

/** DPO (arXiv:2305.18290): of two answers the first is to gain more over the base. */
const dpo: Objective = {
  attention: "causal",
  inputs: (batch, key) => ({
    ...layOutTargets(batch, key, { shift: 1 }),
    divisor: batch.examples,
  }),
  loss: defineLoss({
    statistics: { logProbability, ofBase },
    second: "base",
    loss({ statistics, weights }) {
      const score = statistics.logProbability.sub(statistics.ofBase)
        .mul(weights).sum("sequence");
      const margin = score.member(0).sub(score.member(1));
      return {
        loss: margin.mul(0.1).logSigmoid().neg(),
        metrics: { margin: { sum: margin } },
      };
    },
  }),
};

/** Cross-entropy that counts more the further a token is above the mean of its whole window. */
const besideWindow: Objective = {
  attention: "causal",
  inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
  loss: defineLoss({
    statistics: { logProbability },
    window: ({ statistics, weights }) => ({
      total: statistics.logProbability.mul(weights),
      count: weights,
    }),
    loss: ({ statistics, weights, window }) => ({
      loss: statistics.logProbability.sub(window.total.div(window.count))
        .logSigmoid().neg().mul(weights),
    }),
  }),
};

function objective(of: Objective): RunInput["objective"] {
  return choose(
    definePart({
      kind: "objective",
      name: "of-ranks",
      description: "For a test",
      options: z.strictObject({}),
      create: () => of,
    }),
    {},
  );
}

/** A prompt, an answer that is preferred, and another. */
function pairRows(count: number): RunInput["data"]["train"] {
  const others = tinyRows(count, 2);
  const rows = tinyRows(count).map(({ instruction, output }, i) => ({
    prompt: instruction,
    chosen: output,
    rejected: others[i].output,
  }));
  return [{ rows, format: choose(pairs, {}) }];
}

/** What is trained, by name. */
export const RUNS: Readonly<Record<string, Partial<RunInput>>> = {
  full: {},
  accumulated: { training: { batch_size: 1, gradient_accumulation_steps: 7 } },
  packed: { data: { train: [], collator: "packed" } },
  lora: { adapter: { use: "lora", r: 4, lora_dropout: 0.2 } },
  dpo: { objective: objective(dpo), data: { train: pairRows(90) } },
  dpo_lora: {
    objective: objective(dpo),
    data: { train: pairRows(90), collator: "packed" },
    adapter: { use: "lora", r: 4 },
  },
  beside_window: { objective: objective(besideWindow) },
};

/** One of them, in a folder. */
export function rankRun(
  name: string,
  { folder, steps }: { readonly folder: string; readonly steps: number },
): RunInput {
  const { data, training, ...more } = RUNS[name];
  const train = data?.train ?? [];
  return tinyRun(folder, {
    ...more,
    backend: { use: "cpu", blas: "off", workers: 1 },
    data: {
      ...data,
      train: train.length > 0
        ? train
        : [{ rows: tinyRows(90), format: "alpaca" }],
    },
    training: {
      epochs: 100,
      max_steps: steps,
      batch_size: 2,
      gradient_accumulation_steps: 4,
      ...training,
    },
  });
}
