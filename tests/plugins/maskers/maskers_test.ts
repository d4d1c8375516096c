import assert from "node:assert/strict";
import type { Tokenized } from "@denotune/denotune/core";
import {
  all,
  assistantOnly,
  completionOnly,
  lastTurn,
  maskers,
} from "../../../plugins/maskers/mod.ts";
import { testMasker } from "../../conformance/masker.ts";
import { chatTemplate, make, words } from "../../core/data/_support.ts";

for (const part of maskers) {
  testMasker(part.name, async () => await make("masker", part));
}

function tokenized(): Tokenized {
  const { text, spans } = chatTemplate.render({
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Yo" },
      { role: "user", content: "Bye" },
      { role: "assistant", content: "So long" },
    ],
  });
  return { text, spans, encoding: words().encode(text, { addBos: false }) };
}

Deno.test("assistantOnly and completionOnly give weight 1 to the assistant's turns and their ends", async () => {
  for (const part of [assistantOnly, completionOnly]) {
    assert.deepEqual([...(await make("masker", part)).weights(tokenized())], [
      0,
      0,
      1,
      1,
      0,
      0,
      1,
      1,
    ]);
  }
});

Deno.test("lastTurn gives weight 0 to all but the last assistant turn", async () => {
  assert.deepEqual([...(await make("masker", lastTurn)).weights(tokenized())], [
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
  ]);
});

Deno.test("all raises the tags between turns, and leaves the weights of turns", async () => {
  const masker = await make("masker", all);
  const example = tokenized();
  assert.deepEqual([...masker.weights(example)], new Array(8).fill(1));
  const weights = masker.tokenWeights?.(
    example,
    new Float32Array(example.encoding.ids.length).fill(0.25),
  );
  const { starts, ends } = example.encoding;
  for (let t = 0; t < starts.length; t++) {
    const within = example.spans.some((span) =>
      span.start < ends[t] && span.end > starts[t]
    );
    assert.equal(weights?.[t], within ? 0.25 : 1);
  }
});
