/** A plugin with an evaluator: answers before and after training, side by side in a table. @module */
import {
  definePart,
  definePlugin,
  type Evaluator,
} from "@denotune/denotune/core";
import { z } from "zod";

const beforeAfter = definePart({
  kind: "evaluator",
  name: "before-after",
  description: "Answers before and after training, side by side",
  options: z.strictObject({
    num_examples: z.int().min(1).default(5).describe("Rows that are asked"),
    max_new_tokens: z.int().min(1).default(64).describe("Tokens of an answer"),
    min_share: z.number().min(0).max(1).nullable().default(null).describe(
      "Share of right answers below which the verdict is failed; null: none",
    ),
  }),
  create: ({ num_examples, max_new_tokens, min_share }): Evaluator => ({
    asks: (rows) => ({
      questions: (["base", "tuned"] as const).flatMap((of) =>
        rows.slice(0, num_examples).map(({ request }) => ({
          prompt: request,
          sampling: { maxNewTokens: max_new_tokens },
          of,
        }))
      ),
    }),
    score({ rows, answers }) {
      const asked = rows.slice(0, num_examples);
      const records = asked.map(({ prompt, expected }, i) => ({
        prompt,
        expected,
        before: answers[i][0].text,
        after: answers[asked.length + i][0].text,
      }));
      const right = records.filter(({ after, expected }) => after === expected);
      const share = right.length / Math.max(1, records.length);
      const reason =
        `${share} of the answers are right, asked for ${min_share}`;
      return {
        numbers: { right: share },
        records,
        verdict: min_share === null
          ? null
          : { passed: share >= min_share, reason },
      };
    },
  }),
});

export default definePlugin({
  name: "before-after-example",
  api: 1,
  parts: [beforeAfter],
});
