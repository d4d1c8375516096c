import assert from "node:assert/strict";
import type { Example, Tokenizer } from "@denotune/denotune/core";
import { preflight } from "../../../core/data/preflight.ts";
import { examples, prepare } from "./_prepare.ts";
import { bytes, chatTemplate } from "./_support.ts";

const lenient = { modelVocabSize: 300, allow_unlearned_end: false };

Deno.test("preflight refuses data whose end is never trained, with a sample", async () => {
  const noEnd = {
    ...chatTemplate,
    render: (e: Example) => {
      const rendered = chatTemplate.render(e);
      return {
        ...rendered,
        spans: rendered.spans.map((span) =>
          span.kind === "end" ? { ...span, weight: 0 } : span
        ),
      };
    },
  };
  using dataset = await prepare([examples(3)], { source: { template: noEnd } });
  assert.throws(() => preflight(dataset, lenient), {
    name: "DataError",
    message: /never learn to stop.*«x»/s,
  });
  assert.equal(
    preflight(dataset, { ...lenient, allow_unlearned_end: true }).length,
    1,
  );
  using whole = await prepare([examples(3)]);
  assert.deepEqual(preflight(whole, lenient), []);
});

Deno.test("preflight counts an end as learned although it is the padding", async () => {
  const honest = bytes();
  const tokenizer: Tokenizer = {
    ...honest,
    specialIds: { ...honest.specialIds, pad: honest.specialIds.eos },
  };
  using dataset = await prepare([examples(5)], { tokenizer });
  assert.deepEqual(preflight(dataset, lenient), []);
  const eos = honest.specialIds.eos;
  const batch = dataset.batches(0, 0)[0];
  const labelled = [...batch.tokens.keys()].filter((i) =>
    batch.tokens[i] === eos && batch.weights[i] > 0
  );
  assert.equal(labelled.length, batch.B);
});

Deno.test("preflight refuses ids that the model does not have, and two BOS", async () => {
  using dataset = await prepare([examples(3)]);
  assert.throws(
    () => preflight(dataset, { ...lenient, modelVocabSize: 100 }),
    /gives the id 257, and the model has 100/,
  );
  const tokenizer = bytes(true);
  using double = await prepare([[{ prompt: "<|bos|>a", completion: "b" }]], {
    tokenizer,
  });
  assert.throws(
    () => preflight(double, lenient),
    /1 of 1 rows start with two BOS/,
  );
});

Deno.test("inspect gives each token with its text, weight, role and place", async () => {
  using dataset = await prepare([[{ prompt: "é", completion: "b" }]], {
    tokenizer: bytes(true),
  });
  assert.deepEqual(
    dataset.inspect(0).map((
      { text, weight, role, kind, segment, position },
    ) => [text, weight, role, kind, segment, position]),
    [
      ["<|bos|>", 0, null, null, 1, 0],
      ["é", 0, "prompt", "content", 1, 1],
      ["", 0, "prompt", "content", 1, 2],
      ["b", 1, "completion", "content", 1, 3],
      ["<|eos|>", 1, "completion", "end", 1, 4],
    ],
  );
});

Deno.test("inspect finds the pieces of a row that was split", async () => {
  const text = "abcdefghij".repeat(10);
  using dataset = await prepare([[{ text }, { text: "z" }]], {
    options: { truncation: "split", max_length: 32 },
  });
  const shown = Array.from(
    { length: dataset.length },
    (_, i) => dataset.inspect(i).map((token) => token.text).join(""),
  );
  assert.equal(shown.join(""), `${text}<|eos|>z<|eos|>`);
  assert.equal(
    dataset.report.startLine,
    "2 rows -> 5 examples -> 2 steps an epoch",
  );
});
