import assert from "node:assert/strict";
import type { EvaluationRow } from "@denotune/denotune/core";
import { exactMatch } from "../../../plugins/evaluators/exact_match.ts";
import {
  answerOf,
  exampleRows,
  exampleWording,
  testEvaluator,
} from "../../conformance/evaluator.ts";
import { testHost } from "../../conformance/host.ts";

const host = testHost();
const make = async (max_rows: number | null = null) =>
  await exactMatch.create({ max_new_tokens: 8, max_rows }, host);

testEvaluator("exact-match", make);

async function ask(
  rows: readonly EvaluationRow[],
  answers: readonly string[],
  max_rows: number | null = null,
) {
  const evaluator = await make(max_rows);
  const { questions = [] } = await evaluator.asks(rows, exampleWording());
  assert.deepEqual(
    questions,
    rows.slice(0, max_rows ?? rows.length).map(({ request }) => ({
      prompt: request,
      sampling: { maxNewTokens: 8 },
    })),
  );
  const { numbers } = await evaluator.score({
    rows,
    scores: [],
    answers: questions.map((_, i) => [answerOf(answers[i])]),
  });
  return numbers;
}

Deno.test("exact-match counts right answers in all and by category", async () => {
  assert.deepEqual(
    await ask(exampleRows(), ["2", "5", "Paris", "no"]),
    { "": 0.5, math: 0.5, geo_graphy: 1 },
  );
});

Deno.test("exact-match trims, and looks at case and inner space", async () => {
  const rows = exampleRows().slice(2);
  assert.deepEqual(await ask(rows, [" Paris\n", "Hello"]), {
    "": 0.5,
    geo_graphy: 1,
  });
});

Deno.test("exact-match asks the first max_rows", async () => {
  assert.deepEqual(await ask(exampleRows(), ["2"], 1), { "": 1, math: 1 });
});

Deno.test("exact-match without rows says what is missing", async () => {
  await assert.rejects(
    async () => await ask([], []),
    /has no rows to ask: set data\.eval/,
  );
});
