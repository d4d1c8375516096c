/**
 * REINFORCE with the mean of the group as its baseline (arXiv:2402.14740, RLOO): the model answers each prompt several
 * times, and learns the answers that earn more than their siblings. The reward is the share of one letter.
 *
 * ```text
 * advantage_i = reward_i - mean of the rewards of the other answers to the prompt
 * loss        = -advantage_i * log p(answer_i)          of each answer
 * ```
 * @module
 */
import {
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
  type StepKey,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  letter: z.string().length(1).default("e").describe("What is rewarded"),
  answers: z.number().int().min(2).default(8).describe("Answers a prompt"),
  max_new_tokens: z.number().int().positive().default(16).describe(
    "Most tokens of an answer",
  ),
});

/** Share of the letter among all characters; 0 for an empty text. */
function rewardOf(text: string, letter: string): number {
  return (text.split(letter).length - 1) / Math.max(1, text.length);
}

function asking(o: z.output<typeof options>): ObjectiveAsk {
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
    make: ({ examples, answers }) =>
      examples.flatMap(({ prompt, source }, e): MadeExample[] => {
        const rewards = answers[e].map(({ text }) => rewardOf(text, o.letter));
        const total = rewards.reduce((sum, reward) => sum + reward, 0);
        return answers[e].map(({ ids }, i) => {
          const others = (total - rewards[i]) / (rewards.length - 1);
          return {
            ids: Int32Array.from([...prompt, ...ids]),
            weights: Float32Array.from([
              ...prompt.map(() => 0),
              ...ids.map(() => 1),
            ]),
            source,
            own: { reward: [rewards[i]], advantage: [rewards[i] - others] },
          };
        });
      }),
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
  description: "Rewards answers for one letter (REINFORCE)",
  options,
  create: (chosen) => ({
    attention: "causal" as const,
    ask: asking(chosen),
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
  parts: [letters],
});
export default plugin;
