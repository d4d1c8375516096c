/** Rows with missing roles, contents and answers: refused by default, read as seed 000 reads them where asked. */
import assert from "node:assert/strict";
import type { AnyPart, Format } from "@denotune/denotune/core";
import {
  alpaca,
  chatToCompletion,
  custom,
  dolly,
  messages,
  promptCompletion,
  questionAnswer,
  sharegpt,
} from "../../formats/mod.ts";
import golden from "../golden/lenient.json" with { type: "json" };
import { make } from "../core/data/_support.ts";
import { makeTemplate } from "../plugins/templates/_make.ts";

const where = { path: "rows.jsonl", line: 1, index: 0 };

async function parse(
  part: AnyPart,
  options: Record<string, unknown>,
  value: unknown,
) {
  const format: Format = await make("format", part, options);
  return format.parse({ value, where });
}

Deno.test("lenient chats and questions give the prompts and completions of seed 000's own functions", async () => {
  const template = await makeTemplate("plain", {
    system_separator: "\n\n",
    completion_separator: "\n",
  });
  const written = async (part: AnyPart, row: unknown) => {
    const example = await parse(part, { lenient: true }, row);
    assert.ok("prompt" in example);
    return template.render(example);
  };
  for (
    const [part, cases] of [
      [chatToCompletion, golden.chats],
      [questionAnswer, golden.questions],
    ] as const
  ) {
    for (const { row, prompt, completion } of cases) {
      const { text, spans } = await written(part, row);
      assert.equal(text, `${prompt}\n${completion}</s>`);
      const [first] = spans.filter(({ generated }) => generated);
      assert.equal(
        first.start,
        prompt.length + 1,
        "the separator is no target",
      );
    }
  }
});

const INCOMPLETE: readonly [AnyPart, unknown, RegExp][] = [
  [alpaca, { instruction: "a" }, /"output" is missing/],
  [alpaca, { instruction: "a", output: null }, /"output" is null/],
  [custom, { instruction: "a" }, /"response" is missing/],
  [dolly, { instruction: "a" }, /"response" is missing/],
  [questionAnswer, { question: "a" }, /"answer" is missing/],
  [promptCompletion, { prompt: "a" }, /"completion" is missing/],
  [
    promptCompletion,
    { prompt: [{ role: "user", content: "a" }] },
    /"completion" is missing/,
  ],
  [messages, { messages: [{ content: "a" }] }, /no "role"/],
  [messages, { messages: [{ role: "assistant" }] }, /must have text/],
  [sharegpt, { conversations: [{ value: "a" }] }, /no "from"/],
  [
    chatToCompletion,
    { messages: [{ role: "user", content: "a" }] },
    /no assistant turn/,
  ],
];

Deno.test("incomplete rows are refused by default and read where the format is lenient", async () => {
  for (const [part, row, message] of INCOMPLETE) {
    await assert.rejects(parse(part, {}, row), { name: "DataError", message });
    await parse(part, { lenient: true }, row);
  }
});

Deno.test("what is wrong, and not only missing, is refused of lenient formats too", async () => {
  for (
    const [part, row] of [
      [alpaca, { instruction: "a", output: 3 }],
      [alpaca, { output: "a" }],
      [messages, { messages: [{ role: "narrator", content: "a" }] }],
      [messages, { messages: [{ role: "user", content: 3 }] }],
      [messages, { messages: [] }],
    ] as const
  ) {
    await assert.rejects(parse(part, { lenient: true }, row), {
      name: "DataError",
    });
  }
});
