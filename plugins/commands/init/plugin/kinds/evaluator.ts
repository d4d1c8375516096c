import type { KindTemplate } from "../kind_template.ts";

/** Length of answers against what is expected. */
export const evaluator: KindTemplate = {
  does:
    "An evaluator for denotune: length of answers against what is expected.",
  part: `/** Length of answers against what is expected. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  num_examples: z.int().min(1).default(5).describe("Rows that are asked"),
  max_new_tokens: z.int().min(1).default(32).describe("Tokens of an answer"),
});

const part = definePart({
  kind: "evaluator",
  name: "NAME",
  description: "Length of answers against what is expected",
  options,
  create: ({ num_examples, max_new_tokens }) => ({
    // once: what the model is asked; \`of: "base"\` asks it as it was before
    asks: (rows) => ({
      questions: rows.slice(0, num_examples).map(({ request }) => ({
        prompt: request,
        sampling: { maxNewTokens: max_new_tokens },
      })),
    }),
    // each time: answers[i] are those to question i
    score({ rows, answers }) {
      const records = answers.map(([{ text }], i) => ({
        prompt: rows[i].prompt,
        expected: rows[i].expected,
        answer: text,
      }));
      const length = (texts: readonly string[]) => texts.join("").length;
      const ratio = length(records.map(({ answer }) => answer)) /
        Math.max(1, length(records.map(({ expected }) => expected)));
      // numbers become eval_<name>_<key>; records are a table
      return { numbers: { ratio }, records };
    },
  }),
});
`,
  test: `import assert from "node:assert/strict";
import {
  evaluateWith,
  exampleRows,
  makePart,
  testEvaluator,
} from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every evaluator must do
testEvaluator(plugin.name, () => makePart(plugin, "evaluator"));

// what is special about this one
Deno.test("answers twice as long as expected are 2", async () => {
  const evaluator = await makePart(plugin, "evaluator", { num_examples: 2 });
  const { numbers } = await evaluateWith(evaluator, exampleRows(), () => "12");
  assert.equal(numbers.ratio, 2); // expected are "2" and "4"
});
`,
  run: {
    data: `data:
  train: [{ path: rows.jsonl, format: alpaca }]
  eval: [{ path: rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  max_length: 128`,
    more: `evaluators: [{ use: NAME, max_new_tokens: 8 }]`,
  },
};
