/**
 * The example of a format: its public suite, and its run.
 */
import assert from "node:assert/strict";
import { inspect } from "@denotune/denotune";
import { makePart, testFormat } from "@denotune/denotune/testing";
import plugin from "../../examples/format/choices.ts";

testFormat("choices", {
  make: () => makePart(plugin, "format"),
  rows: [{
    row: { question: "What is 1 + 1?", choices: ["1", "2"], answer: 1 },
    example: {
      prompt: "What is 1 + 1?\n- 1\n- 2\nAnswer:",
      completion: " 2",
    },
  }],
  refused: [
    { row: { question: "?", choices: ["1"], answer: 0 }, message: /choices/ },
    {
      row: { question: "?", choices: ["1", "2"], answer: 2 },
      message: /answer/,
    },
    { row: { choices: ["1", "2"], answer: 0 }, message: /question/ },
  ],
});

Deno.test("the example run trains the right choice", async () => {
  const examples = await inspect("examples/format/run.yaml", { examples: 3 });
  const trained = examples.map(({ tokens }) =>
    tokens.filter(({ weight }) => weight > 0).map(({ text }) => text).join("")
  );
  assert.equal(trained.length, 3);
  ["2", "apple", "d"].forEach((choice, i) =>
    assert.ok(trained[i].startsWith(` ${choice}`), trained[i])
  );
});
