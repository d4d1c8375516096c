/**
 * REINFORCE with the mean of the group as its baseline (arXiv:2402.14740, RLOO): the model answers each prompt several
 * times, and learns the answers that earn more than their siblings. The reward is an evaluator, which a run file names.
 *
 * ```text
 * advantage_i = reward_i - mean of the rewards of the other answers to the prompt
 * loss        = -advantage_i * log p(answer_i)          of each answer
 * ```
 * @module
 */
import {
  type AskedExample,
  type Batch,
  defineLoss,
  definePart,
  definePlugin,
  layOutTargets,
  logProbability,
  type MadeExample,
  type ObjectiveAsk,
  type Part,
  type Plugin,
  type Rewards,
  rewardsOf,
  type StepKey,
} from "@denotune/denotune/core";
import { z } from "zod";
import { letterShare } from "./letter_share.ts";

const options = z.strictObject({
  reward: z.union([z.string(), z.looseObject({ use: z.string() })])
    .default("letter-share").describe(
      "The evaluator that says what answers are worth, with its options",
    ),
  answers: z.number().int().min(2).default(8).describe("Answers a prompt"),
  max_new_tokens: z.number().int().positive().default(16).describe(
    "Most tokens of an answer",
  ),
});

function asking(
  o: z.output<typeof options>,
  rewards: Rewards,
): ObjectiveAsk {
  const sampling = {
    maxNewTokens: o.max_new_tokens,
    temperature: 1,
    n: o.answers,
  };
  return {
    asks: (examples) => ({
      questions: examples.map(({ prompt: ids }) => ({
        prompt: { ids },
        sampling,
      })),
    }),
    async make({ examples, answers }) {
      const given = await rewards(
        examples.flatMap(({ promptText: prompt, expected }, e) =>
          answers[e].map((answer) => ({ prompt, expected, answer }))
        ),
      );
      return examples.flatMap((example, e): MadeExample[] => {
        const own = given.slice(e * o.answers, (e + 1) * o.answers);
        const total = own.reduce((sum, reward) => sum + reward, 0);
        return answers[e].map(({ ids }, i) =>
          answered(example, ids, {
            reward: [own[i]],
            advantage: [own[i] - (total - own[i]) / (o.answers - 1)],
          })
        );
      });
    },
  };
}

/** An answer as it is trained: prompt and answer, with weight on the answer. */
function answered(
  { prompt, source }: AskedExample,
  ids: readonly number[],
  own: MadeExample["own"],
): MadeExample {
  return {
    ids: Int32Array.from([...prompt, ...ids]),
    weights: Float32Array.from([...prompt.map(() => 0), ...ids.map(() => 1)]),
    source,
    own,
  };
}

/** The objective. */
export const letters: Part<
  "objective",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "objective",
  name: "letters",
  description: "Learns the answers that earn more (REINFORCE)",
  options,
  create: async (chosen, host) => ({
    attention: "causal" as const,
    ask: asking(chosen, await rewardsOf(host, chosen.reward)),
    inputs: (batch: Batch, key: StepKey) => ({
      ...layOutTargets(batch, key, { shift: 1 }),
      divisor: batch.examples, // the loss is per answer
    }),
    loss: defineLoss({
      statistics: { logProbability },
      inputs: { reward: { per: "sequence" }, advantage: { per: "sequence" } },
      loss: ({ statistics, weights, inputs }) => ({
        loss: statistics.logProbability.mul(weights).sum("sequence")
          .mul(inputs.advantage).neg(),
        metrics: { reward: { sum: inputs.reward } },
      }),
    }),
  }),
});

const plugin: Plugin = definePlugin({
  name: "letters",
  api: 1,
  parts: [letters, letterShare],
});
export default plugin;
