/**
 * What every evaluator must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type {
  Answer,
  Evaluation,
  EvaluationRow,
  Evaluator,
  Question,
  TextScore,
  Wording,
} from "@denotune/denotune/core";

/** Rows with and without a category. */
export function exampleRows(): EvaluationRow[] {
  return [
    ["What is 1 + 1?", "2", "math"],
    ["What is 2 + 2?", "4", "math"],
    ["Capital of France?", "Paris", "Geo graphy"],
    ["Say hello.", "hello", undefined],
  ].map(([prompt, expected, category]) => ({
    example: { prompt: prompt!, completion: expected!, category },
    prompt: prompt!,
    request: { prompt: prompt! },
    expected: expected!,
  }));
}

/** The wording of a template with headings, whose answers end at `</s>`. */
export function exampleWording(): Wording {
  return {
    request: (prompt) => ({ prompt }),
    written: (prompt) =>
      "text" in prompt
        ? prompt.text
        : `### Instruction:\n${
          "prompt" in prompt
            ? prompt.prompt
            : prompt.messages.map(({ content }) => content).join("\n")
        }\n\n### Response:\n`,
    stops: ["</s>"],
  };
}

/** An answer of that text. */
export function answerOf(text: string): Answer {
  return {
    text,
    finish: "stop",
    promptTokens: 4,
    ids: [...text].map((_, i) => i),
  };
}

/** The score of a text whose tokens are its characters, each as likely as one of two. */
export function scoreOf(text: string): TextScore {
  const ids = [...text].map((_, i) => i);
  const each = new Float32Array(Math.max(0, ids.length - 1));
  return {
    ids,
    from: 1,
    logProbabilities: each.map(() => Math.log(0.5)),
    entropies: each.map(() => Math.log(2)),
  };
}

/** Asks an evaluator about rows, answers its questions, and gives what it makes of them. */
export async function evaluateWith(
  evaluator: Evaluator,
  rows: readonly EvaluationRow[],
  answer: (question: Question, sample: number) => string,
): Promise<Evaluation> {
  const { questions = [], texts = [] } = await evaluator.asks(
    rows,
    exampleWording(),
  );
  return await evaluator.score({
    rows,
    scores: texts.map(({ text }) => scoreOf(text)),
    answers: questions.map((question) =>
      Array.from(
        { length: question.sampling.n ?? 1 },
        (_, i) => answerOf(answer(question, i)),
      )
    ),
  });
}

/** Registers the tests of an evaluator. */
export function testEvaluator(
  name: string,
  make: () => Evaluator | Promise<Evaluator>,
): void {
  Deno.test(`${name}: asks questions that can be asked, the same each time`, async () => {
    const evaluator = await make();
    const rows = exampleRows();
    const asks = () => evaluator.asks(rows, exampleWording());
    const { questions = [], texts = [] } = await asks();
    assert.ok(texts.every(({ text }) => text !== ""), "texts are not empty");
    assert.deepEqual(rows, exampleRows(), "rows are not changed");
    assert.deepEqual((await asks()).questions ?? [], questions);
    for (const { prompt, turns, sampling } of questions) {
      assert.ok("text" in prompt || "prompt" in prompt || "messages" in prompt);
      assert.ok(
        turns === undefined || "messages" in prompt,
        "turns have roles",
      );
      const { maxNewTokens, temperature = 0, n = 1 } = sampling;
      assert.ok(Number.isInteger(maxNewTokens) && maxNewTokens > 0);
      assert.ok(Number.isInteger(n) && n > 0);
      assert.ok(temperature >= 0);
      assert.ok(n === 1 || temperature > 0, "greedy answers are all the same");
    }
  });
  Deno.test(`${name}: gives each answer a finite reward, the same each time, if it gives any`, async () => {
    const evaluator = await make();
    if (evaluator.rewards === undefined) return;
    const texts = ["4", "?", "", "🙂\n".repeat(500)];
    const answers = exampleRows().flatMap(({ prompt, expected }) =>
      [expected, ...texts].map((text) => ({
        prompt,
        expected,
        answer: answerOf(text),
      }))
    );
    const rewards = await evaluator.rewards(answers);
    assert.equal(rewards.length, answers.length, "a reward for each answer");
    for (const reward of rewards) {
      assert.ok(Number.isFinite(reward), `a reward is ${reward}`);
    }
    assert.deepEqual(await evaluator.rewards(answers), rewards);
    assert.deepEqual(
      await evaluator.rewards(answers.slice(1)),
      rewards.slice(1),
      "a reward does not depend on the other answers",
    );
  });
  const expected = (question: Question) =>
    exampleRows().find(({ request }) =>
      JSON.stringify(request) === JSON.stringify(question.prompt)
    )?.expected ?? "something";
  for (
    const [what, answer] of [
      ["right", expected],
      ["wrong", () => "?"],
      ["empty", () => ""],
      ["long", (_: Question, i: number) => `${i} 🙂\n`.repeat(500)],
    ] as const
  ) {
    Deno.test(`${name}: gives named, finite numbers when every answer is ${what}`, async () => {
      const rows = exampleRows();
      const evaluation = await evaluateWith(await make(), rows, answer);
      assert.deepEqual(rows, exampleRows(), "rows are not changed");
      const { numbers, records = [], verdict = null, files = {} } = evaluation;
      assert.ok(
        Object.keys(numbers).length + records.length > 0 ||
          verdict !== null,
        "numbers, records or a verdict",
      );
      for (const [key, value] of Object.entries(numbers)) {
        assert.ok(Number.isFinite(value), `${key} is ${value}`);
        assert.match(key, /^[\p{L}\p{N}_]*$/u, "a name as metrics have them");
      }
      for (const record of records) {
        assert.deepEqual(Object.keys(record), Object.keys(records[0]));
        assert.deepEqual(JSON.parse(JSON.stringify(record)), record);
      }
      if (verdict !== null) assert.notEqual(verdict.reason, "");
      for (const [end, text] of Object.entries(files)) {
        assert.match(end, /^[-.\w]+$/, "the end of a name");
        assert.equal(typeof text, "string");
      }
    });
  }
}
