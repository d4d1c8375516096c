/**
 * A reward: the share of one letter in an answer. As an evaluator, it measures what an objective trains on.
 * @module
 */
import {
  definePart,
  type Part,
  rewardEvaluator,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  letter: z.string().length(1).default("e").describe("What is rewarded"),
  max_new_tokens: z.int().positive().default(16).describe(
    "Most tokens of an answer, in evaluations",
  ),
});

/** Share of the letter among all characters; 0 for an empty text. */
function shareOf(text: string, letter: string): number {
  return (text.split(letter).length - 1) / Math.max(1, text.length);
}

/** The evaluator. */
export const letterShare: Part<
  "evaluator",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "evaluator",
  name: "letter-share",
  description: "Share of one letter in answers, also as a reward",
  options,
  create: ({ letter, max_new_tokens }) =>
    rewardEvaluator({
      maxNewTokens: max_new_tokens,
      rewards: (answers) =>
        answers.map(({ answer }) => shareOf(answer.text, letter)),
    }),
});
