/** What each built-in evaluator makes of given answers. Text metrics: metrics/text_metrics_test.ts. */
import assert from "node:assert/strict";
import type {
  Evaluation,
  EvaluationRow,
  Question,
} from "@denotune/denotune/core";
import {
  evaluateWith,
  exampleRows,
  exampleWording,
  makePart,
  scoreOf,
  testHost,
} from "@denotune/denotune/testing";
import { evaluators } from "../../../plugins/evaluators/mod.ts";
import { strip, words } from "../../../plugins/evaluators/rows.ts";

type Options = Readonly<Record<string, unknown>>;

async function made(name: string, options: Options = {}) {
  const parts = evaluators.filter((part) => part.name === name);
  return await makePart({ parts }, "evaluator", options, testHost());
}

async function evaluation(
  name: string,
  options: Options,
  answer: (question: Question, sample: number) => string,
  rows: readonly EvaluationRow[] = exampleRows(),
): Promise<Evaluation> {
  return await evaluateWith(await made(name, options), rows, answer);
}

function rowsOf(
  ...texts: readonly (readonly [string, string])[]
): EvaluationRow[] {
  return texts.map(([prompt, expected]) => ({
    example: { prompt, completion: expected },
    prompt,
    request: { prompt },
    expected,
  }));
}

const textOf = ({ prompt }: Question): string =>
  "text" in prompt
    ? prompt.text
    : "prompt" in prompt
    ? prompt.prompt
    : "ids" in prompt
    ? prompt.ids.join(" ")
    : prompt.messages.map(({ content }) => content).join("|");

Deno.test("words and white space are Python's", () => {
  assert.deepEqual(words(" a\u001cb\u0085c\u00a0d\u3000\ufeffe\n"), [
    "a",
    "b",
    "c",
    "d",
    "\ufeffe",
  ]);
  assert.equal(strip("\u001f \t a b\ufeff \u0085"), "a b\ufeff");
});

Deno.test("generation-table shows instruction, expected and generated of the first rows", async () => {
  const { numbers, records } = await evaluation(
    "generation-table",
    { num_examples: 2 },
    (q) => ` ${textOf(q)}!\n`,
  );
  assert.deepEqual(numbers, {});
  assert.deepEqual(records, [
    {
      instruction: "What is 1 + 1?",
      expected: "2",
      generated: "What is 1 + 1?!",
    },
    {
      instruction: "What is 2 + 2?",
      expected: "4",
      generated: "What is 2 + 2?!",
    },
  ]);
});

Deno.test("the instruction of a conversation is its last question, without the input beside it", async () => {
  const messages = [
    { role: "user", content: "Hello" },
    { role: "assistant", content: "Hi" },
    { role: "user", content: "Sum up", input: "A text" },
    { role: "assistant", content: "Short" },
  ] as const;
  const { records } = await evaluation(
    "generation-table",
    {},
    () => "x",
    [{
      example: { messages },
      prompt: "Sum up\n\nA text",
      request: { messages: messages.slice(0, 3) },
      expected: "Short",
    }],
  );
  assert.equal(records?.[0].instruction, "Sum up");
});

Deno.test("instruction-following looks at length, words of the instruction, and the format", async () => {
  const rows = rowsOf(["Say hello twice", "hello hello"], ["Be brief", "ok"]);
  const { numbers, records } = await evaluation(
    "instruction-following",
    {},
    (q) => textOf(q) === "Be brief" ? "### Be BRIEF" : "hello hello hello",
    rows,
  );
  assert.deepEqual(numbers, {
    avg_length_ratio: (1.5 + 3) / 2,
    completion_rate: (1 / 3 + 1) / 2,
    format_adherence: 0.75,
  });
  assert.deepEqual(records?.map((r) => r.format), [1, 0.5]);
});

Deno.test("rouge, bleu and chrf are highest for the expected answer, and give a verdict where a limit is set", async () => {
  const rows = rowsOf(
    ["a", "the cat sat on the mat today"],
    ["b", "dogs run in the green park now"],
  );
  const right = (q: Question) =>
    rows.find((r) => r.prompt === textOf(q))?.expected ?? "";
  for (
    const [name, best] of [["rouge", 1], ["bleu", 100], ["chrf", 100]] as const
  ) {
    const good = await evaluation(name, { min_score: best / 2 }, right, rows);
    const figure = name === "rouge" ? "rougeL" : "";
    assert.ok(Math.abs(good.numbers[figure] - best) < 1e-9, name);
    assert.equal(good.verdict?.passed, true);
    const bad = await evaluation(
      name,
      { min_score: best / 2 },
      () => "?",
      rows,
    );
    assert.equal(bad.numbers[figure], 0);
    assert.equal(bad.verdict?.passed, false);
    assert.match(bad.verdict.reason, /is 0, asked for at least/);
  }
});

Deno.test("regex matches anywhere, whole, or finds what it finds in the expected answer", async () => {
  const rows = rowsOf(["a", "so it is 12"], ["b", "7"]);
  const answer = (q: Question) => textOf(q) === "a" ? "3 + 9 = 12." : "8";
  const share = async (match: string) =>
    (await evaluation("regex", { pattern: "-?[0-9]+", match }, answer, rows))
      .numbers[""];
  assert.deepEqual(
    [await share("anywhere"), await share("whole"), await share("same-last")],
    [1, 0.5, 0.5],
  );
});

Deno.test("json-schema parses the answer, or what is fenced in it, and says what does not fit", async () => {
  const schema = {
    type: "object",
    properties: {
      name: { type: "string" },
      age: { type: "integer", minimum: 0 },
    },
    required: ["name"],
    additionalProperties: false,
  };
  const answers = [
    '{"name": "Ada", "age": 36}',
    'Here:\n```json\n{"name": "Bo"}\n```',
    '{"age": -1}',
    "no",
  ];
  let next = 0;
  const { numbers, records } = await evaluation(
    "json-schema",
    { schema },
    () => answers[next++],
  );
  assert.deepEqual(numbers, { "": 0.5, json: 0.75 });
  assert.match(String(records?.[2].problem), /name|age/);
  assert.equal(records?.[3].problem, "no JSON");
  await assert.rejects(
    made("json-schema", { schema: "/no/such/file.json" }),
    /json-schema cannot use \/no\/such\/file\.json/,
  );
});

Deno.test("perplexity is e to the mean loss over tokens; rows without an answer are left out", async () => {
  const rows = rowsOf(["a", "xyz"], ["b", ""], ["c", "long one"]);
  const evaluator = await made("perplexity");
  const { texts = [] } = await evaluator.asks(rows, exampleWording());
  assert.deepEqual(texts.map(({ text }) => text), ["xyz", "long one"]);
  const { numbers, records } = await evaluator.score({
    rows,
    answers: [],
    scores: texts.map(({ text }) => scoreOf(text)),
  });
  assert.ok(Math.abs(numbers.answers - 2) < 1e-6);
  assert.ok(Math.abs(numbers.loss - Math.log(2)) < 1e-6);
  assert.deepEqual(records?.map((r) => r.tokens), [2, 7]);
});

Deno.test("format-overfitting compares answers with and without the format, and finds leaked markers", async () => {
  const rows = rowsOf(["short", "x"], ["fine", "x"], ["leaks", "x"], [
    "stops",
    "x",
  ]);
  const { numbers, records = [] } = await evaluation(
    "format-overfitting",
    { max_share: 0.5 },
    (q) => {
      const isPlain = "text" in q.prompt;
      if (!isPlain) return "12345";
      return {
        short: "12",
        fine: "1234",
        leaks: "1234 ### Response:",
        stops: "1234</s>",
      }[textOf(q)] ?? "";
    },
    rows,
  );
  assert.deepEqual(records.map((r) => r.indicated), [true, false, true, true]);
  assert.deepEqual(records.map((r) => r.markers), [
    "",
    "",
    "### ### Response:",
    "</s>",
  ]);
  assert.deepEqual([numbers[""], numbers.leaked], [0.75, 0.5]);
});

Deno.test("multiple-choice takes the likeliest choice, as it is and by its length", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  const rows = [
    { question: "q1", choices: ["a", "bbbb"], answer: 0 },
    { query: "q2", choices: ["a", "bbbb"], answer: "B" },
    { prompt: "q3", choices: ["a", "b", "c"], answer: "c" },
  ];
  await Deno.writeTextFile(file, rows.map((r) => JSON.stringify(r)).join("\n"));
  const evaluator = await made("multiple-choice", { file });
  const { texts = [] } = await evaluator.asks([], exampleWording());
  assert.deepEqual(texts.slice(0, 2), [
    { text: " a", after: { text: "q1" } },
    { text: " bbbb", after: { text: "q1" } },
  ]);
  // one number a text: its log-probability
  const sums = [-1, -2, -1, -2, -3, -3, -1];
  const { numbers, records } = await evaluator.score({
    rows: [],
    answers: [],
    scores: sums.map((sum) => ({
      ids: [0, 1],
      from: 1,
      logProbabilities: Float32Array.of(sum),
      entropies: Float32Array.of(1),
    })),
  });
  assert.deepEqual(numbers, { "": 2 / 3, by_length: 2 / 3 });
  assert.deepEqual(records?.map((r) => [r.right, r.right_by_length]), [
    [true, false],
    [false, true],
    [true, true],
  ]);
  await Deno.writeTextFile(file, '{"question": "q", "choices": ["a", "b"]}');
  await assert.rejects(
    made("multiple-choice", { file }),
    /row 1: `answer` is missing; expected an index from 0 to 1, a letter/,
  );
  await Deno.remove(file);
});

Deno.test("safety counts refusals of the model and its base, and refusals of what should be answered", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  const rows = [
    { prompt: "lock", category: "tools" },
    { prompt: "bomb" },
    { prompt: "cake", refuse: false },
  ];
  await Deno.writeTextFile(file, rows.map((r) => JSON.stringify(r)).join("\n"));
  const { numbers, records } = await evaluation(
    "safety",
    { file, min_refusal_rate: 0.9 },
    (q) =>
      q.of === "base" || textOf(q) === "cake"
        ? "I’m sorry, but I can’t."
        : textOf(q) === "bomb"
        ? "I cannot help with that."
        : "Take a pick.",
  );
  assert.deepEqual(numbers, {
    refusal_rate: 0.5,
    base_refusal_rate: 1,
    lost_refusals: 0.5,
    over_refusal_rate: 1,
  });
  assert.deepEqual(records?.map((r) => r.refused), [false, true, true]);
  await Deno.remove(file);
  const alone = await made("safety", { prompts: ["x"], compare: false });
  const { questions = [] } = await alone.asks([], exampleWording());
  assert.equal(questions.length, 1);
});

Deno.test("alignment-tax flags one answer to everything, and not answers that differ", async () => {
  const varied = (q: Question, i: number) =>
    `${i} ${textOf(q)} ${textOf(q).length ** (i + 2)}`;
  const same = await evaluation(
    "alignment-tax",
    {},
    (q, i) =>
      q.of === "base" ? varied(q, i) : "I am happy to help you with that.",
  );
  assert.equal(same.numbers.collapsed, 1);
  assert.equal(same.numbers.self_similarity, 1);
  assert.equal(same.numbers.opening_share, 1);
  assert.equal(same.verdict?.passed, false);
  assert.match(same.verdict.reason, /collapsed: answers to different prompts/);
  const control = await evaluation("alignment-tax", {}, varied);
  assert.equal(control.numbers.collapsed, 0);
  assert.equal(control.verdict?.passed, true);
  assert.equal(control.numbers.distinct_2, control.numbers.base_distinct_2);
});

Deno.test("human gives a page that does not say who wrote what, and counts the votes that it exports", async () => {
  const answer = (q: Question) =>
    `${textOf(q)} by </script> ${q.of === "base" ? "one" : "another"}`;
  const { files = {}, records = [], numbers } = await evaluation(
    "human",
    {},
    answer,
  );
  assert.deepEqual(numbers, {});
  const page = files[".html"];
  assert.doesNotMatch(page, /a_is|"tuned"|"base"/);
  assert.equal(
    page.split("</script>").length,
    3,
    "nothing ends a script early",
  );
  const firsts = new Set(records.map((r) => r.a_is));
  assert.equal(records.length, 4);
  assert.ok(firsts.size >= 1);
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  const vote = (i: number, what: string) =>
    JSON.stringify({ id: records[i].id, vote: what, voter: "Ada" });
  const forTuned = (i: number) => records[i].a_is === "tuned" ? "a" : "b";
  await Deno.writeTextFile(
    file,
    [vote(0, "tie"), vote(0, forTuned(0)), vote(1, forTuned(1)), vote(2, "tie")]
      .join("\n"),
  );
  const counted = await evaluation("human", { votes: file }, answer);
  assert.deepEqual(counted.numbers, {
    votes: 3,
    preference: 2.5 / 3,
    wins: 2,
    ties: 1,
    losses: 0,
    p_value: 0.5,
  });
  await assert.rejects(
    evaluation("human", { votes: file }, (q) => `${textOf(q)} ${q.of} new`),
    /None of the votes in .* is about these answers/,
  );
  await Deno.remove(file);
});
