/** Seed 001: instruction and chat formats, labels, the quality of data, and the evaluation of a tuned model. */
import assert from "node:assert/strict";
import type { EvaluationRow } from "@denotune/denotune/core";
import {
  evaluateWith,
  exampleWording,
  makePart,
} from "@denotune/denotune/testing";
import { analyze } from "../../mod.ts";
import { evaluators } from "../../plugins/evaluators/mod.ts";
import {
  adherence,
  completion,
} from "../../plugins/evaluators/instruction_following.ts";
import { strip } from "../../plugins/evaluators/rows.ts";
import { decoderOf, sameLabels, seedTest, tokensOf } from "./_seeds.ts";
import golden from "./seeds.json" with { type: "json" };

const seed = golden["001"];
const TOLERANCE = 1e-12;

const near = (found: unknown, expected: number) =>
  assert.ok(
    Math.abs(Number(found) - expected) <= TOLERANCE,
    `${found}, expected ${expected}`,
  );

const evaluator = (name: string, options: Record<string, unknown> = {}) =>
  makePart(
    { parts: evaluators.filter((part) => part.name === name) },
    "evaluator",
    options,
  );

/** The rows of the document as evaluators get them. */
const rows: readonly EvaluationRow[] = seed.rows.map((row) => {
  const { instruction, input, output } = row;
  const hasInput = input !== null && input !== "";
  const messages = [
    { role: "user", content: instruction, ...hasInput ? { input } : {} },
    { role: "assistant", content: output },
  ] as const;
  return {
    example: { messages },
    prompt: hasInput ? `${instruction}\n\n${input}` : instruction,
    request: { messages: messages.slice(0, 1) },
    expected: output,
  };
});

seedTest(
  "an instruction with or without input is written as the document writes it, ids and labels too",
  async () => {
    const found = await tokensOf(
      { train: [{ rows: seed.rows, format: "alpaca" }], template: "alpaca" },
      seed.rows.length,
    );
    assert.deepEqual(
      found.map(await decoderOf()),
      seed.texts,
    );
    found.forEach((tokens, i) => sameLabels(tokens, seed.tokens[i]));
  },
);

seedTest("a conversation is written as the document writes it", async () => {
  const found = await tokensOf({
    train: [{
      rows: seed.chats.map((messages) => ({ messages })),
      format: "messages",
    }],
    template: "role-tags",
  }, seed.chats.length);
  assert.deepEqual(
    found.map(await decoderOf()),
    seed.chat_texts,
  );
});

Deno.test("the report on the data has the document's lengths, repetitions and diversity", async () => {
  const report = await analyze({
    data: { train: [{ rows: seed.rows, format: "alpaca" }] },
  });
  for (const [name, value] of Object.entries(seed.lengths)) {
    near(new Map<string, unknown>(Object.entries(report)).get(name), value);
  }
  near(report.diversity, seed.diversity);
  const openings = (
    of: readonly { readonly text: string }[] | readonly string[],
  ) => of.map((o) => typeof o === "string" ? o : o.text).sort();
  assert.deepEqual(
    openings(report.repetitive_instructions),
    [...seed.repetitive.repetitive_instructions].sort(),
  );
  assert.deepEqual(
    openings(report.repetitive_outputs),
    [...seed.repetitive.repetitive_outputs].sort(),
  );
});

Deno.test("instruction-following gives the document's three numbers, and its scores of each row", async () => {
  let next = 0;
  const { numbers } = await evaluateWith(
    await evaluator("instruction-following", { max_rows: null }),
    rows,
    () => seed.responses[next++],
  );
  for (const [name, value] of Object.entries(seed.following)) {
    near(numbers[name], value);
  }
  seed.responses.forEach((given, i) => {
    const response = strip(given);
    const [completed, format] = seed.assess[i];
    near(completion(response, seed.rows[i].instruction), completed);
    near(adherence(response, "### "), format);
  });
});

Deno.test("format-overfitting finds the document's indicators", async () => {
  const answers = new Map(Object.entries(seed.answers));
  const prompts: readonly EvaluationRow[] = seed.prompts.map((prompt) => ({
    example: { prompt, completion: "" },
    prompt,
    request: { prompt },
    expected: "",
  }));
  const wording = exampleWording();
  const { records = [] } = await evaluateWith(
    await evaluator("format-overfitting", {
      markers: ["###"],
      max_rows: null,
    }),
    prompts,
    ({ prompt }) =>
      "ids" in prompt ? "" : answers.get(wording.written(prompt)) ?? "",
  );
  const found = records.filter((r) => r.indicated);
  assert.deepEqual(
    found.map((r) => ({
      prompt: r.prompt,
      formatted_response_length: r.formatted_response_length,
      unformatted_response_length: r.unformatted_response_length,
      format_leaked: r.format_leaked,
    })),
    seed.overfitting,
  );
  assert.ok(found.length > 5 && found.length < records.length);
});

Deno.test("generation-table shows instruction, expected and generated of the first five examples", async () => {
  const { records = [] } = await evaluateWith(
    await evaluator("generation-table"),
    rows,
    () => " an answer\n",
  );
  assert.deepEqual(
    records,
    seed.rows.slice(0, 5).map(({ instruction, output }) => ({
      instruction,
      expected: output,
      generated: "an answer",
    })),
  );
});
