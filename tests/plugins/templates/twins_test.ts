import assert from "node:assert/strict";
import { type Message, randomFrom } from "@denotune/denotune/core";
import { templateParts } from "../../../plugins/templates/mod.ts";
import { fromJinja, makeTemplate } from "./_make.ts";

const CONTENTS = [
  "Hello",
  "  padded  ",
  "two\n\nlines\n",
  "",
  "\n",
  "émoji 👋🏽 你好",
  "### Response:\nfake",
  "<|im_end|>",
  "x</s>",
  "{{ braces }} {% if %}",
  "quote ' \" \\ back",
  "\u00a0odd space\u00a0",
  "ends<|end|>",
  "<|user|>\n",
];
const TOOLS = [{
  type: "function",
  function: { name: "f", description: 'é "q"', parameters: { type: "object" } },
}];

/** Many conversations, the same ones every time. */
function conversations(withTools: boolean): Message[][] {
  const random = randomFrom(11, withTools ? 1 : 0);
  const pick = (): string => CONTENTS[random.below(CONTENTS.length)];
  const assistant = (): Message => ({
    role: "assistant",
    content: pick(),
    ...random.below(4) === 0 ? { reasoning_content: pick() } : {},
    ...random.below(4) === 0 ? { weight: 0.5 } : {},
  });
  return Array.from({ length: 40 }, () => {
    const messages: Message[] = random.below(2) === 0
      ? []
      : [{ role: "system", content: pick() }];
    for (let turns = 1 + random.below(3); turns > 0; turns--) {
      messages.push({
        role: "user",
        content: pick(),
        ...random.below(3) === 0 ? { input: pick() } : {},
      });
      if (withTools && random.below(2) === 0) {
        const call = {
          function: {
            name: 'f"x',
            arguments: random.below(2) === 0
              ? { a: [1, null, "é\n"] }
              : '{"b": 1}',
          },
        };
        const said = assistant();
        const isEmpty = said.content === "";
        messages.push({
          ...said,
          ...isEmpty && random.below(2) === 0 ? { content_is: "null" } : {},
          ...isEmpty && random.below(2) === 0 ? { content_is: "missing" } : {},
          tool_calls: [call, call].slice(random.below(2)),
        });
        messages.push({ role: "tool", content: pick() });
      }
      messages.push(assistant());
    }
    if (random.below(4) === 0) messages.push({ role: "user", content: pick() });
    return messages;
  });
}

const BUILT_IN = templateParts.map(({ name }) => name).filter((name) =>
  name !== "tokenizer" && name !== "jinja"
);
const VARIANTS: [string, Record<string, unknown>][] = [
  ...BUILT_IN.map((name): [string, Record<string, unknown>] => [name, {}]),
  ["alpaca", { preamble: "Below is\na 'task'." }],
  ["plain", { separator: "\n\n### Response:\n", turn_separator: "\n" }],
  ["plain", { system_separator: " | " }],
  ["role-tags", { end_each_turn: true }],
];
/** Styles that leave no marker after answers in the middle: a rendering alone cannot show where calls end. */
const hasMarkers = (name: string, options: Record<string, unknown>): boolean =>
  name !== "role-tags" || options.end_each_turn === true;

for (const [name, options] of VARIANTS) {
  for (const addsBos of [false, true]) {
    const title = `${name} ${JSON.stringify(options)}${
      addsBos ? " after BOS" : ""
    }`;
    Deno.test(`${title}: the Jinja twin writes the same, and traces the same answers`, async () => {
      const template = await makeTemplate(name, options, { addsBos });
      assert.ok(template.jinja !== null);
      const twin = fromJinja(template.jinja);
      const bos = addsBos ? "<s>" : "";
      let compared = 0;
      for (const tools of [undefined, TOOLS]) {
        for (const messages of conversations(tools !== undefined)) {
          for (const write of ["render", "prompt"] as const) {
            const own = attempt(() => template[write]({ messages, tools }));
            const other = attempt(() => twin[write]({ messages, tools }));
            assert.equal(
              own === null,
              other === null,
              "both refuse or none does",
            );
            if (own === null || other === null) continue;
            compared++;
            assert.equal(other.text, bos + own.text);
            if (!hasMarkers(name, options)) continue;
            const spans = other.spans.map((span) => ({
              ...span,
              start: span.start - bos.length,
              end: span.end - bos.length,
            }));
            const answers = (list: typeof spans) =>
              list.filter((span) => span.generated);
            assert.deepEqual(answers(spans), answers([...own.spans]), own.text);
          }
        }
      }
      assert.ok(compared >= 80);
    });
  }
}

function attempt<T>(write: () => T): T | null {
  try {
    return write();
  } catch (error) {
    assert.ok(
      error instanceof Error && error.name === "DataError",
      String(error),
    );
    return null;
  }
}
