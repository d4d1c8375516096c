import assert from "node:assert/strict";
import type { Example } from "@denotune/denotune/core";
import { tokenizeExample } from "../../../../core/data/examples/tokenize_example.ts";
import { DATA_DEFAULTS } from "../../../../core/data/types.ts";
import { completionOnly } from "../../../../plugins/maskers/mod.ts";
import { chatTemplate, END, make, words } from "../_support.ts";

const tokenizer = words();
const EOS = tokenizer.specialIds.eos;

async function tokenize(example: Example, options: Record<string, unknown>) {
  return tokenizeExample(example, {
    tokenizer,
    template: chatTemplate,
    masker: await make("masker", completionOnly),
    options: { ...DATA_DEFAULTS, ...options },
  });
}

const prompted = { prompt: "Answer:", completion: " yes, so" };

Deno.test("an answer is filled with end tokens that are trained", async () => {
  const plain = await tokenize(prompted, {});
  const filled = await tokenize(prompted, { fill_answer_to: 9 });
  const T = plain.encoding.ids.length;
  const trained = (weights: Float32Array) =>
    weights.reduce((n, w) => n + (w > 0 ? 1 : 0), 0);
  assert.deepEqual(filled.encoding.ids.subarray(0, T), plain.encoding.ids);
  assert.ok(filled.encoding.ids.subarray(T).every((id) => id === EOS));
  assert.equal(trained(filled.weights), 9);
  assert.equal(
    filled.encoding.ids.length,
    T + 9 - trained(plain.weights),
  );
  assert.equal(filled.encoding.starts.length, filled.encoding.ids.length);
  assert.ok(filled.encoding.ends.every((end) => end <= filled.text.length));
});

Deno.test("what a template writes behind the last answer gives way to the fill; earlier answers are not filled", async () => {
  const example: Example = {
    messages: [
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "user", content: "three" },
      { role: "assistant", content: "four" },
    ],
  };
  const { encoding, weights, text } = await tokenize(example, {
    fill_answer_to: 5,
  });
  assert.ok(text.endsWith(`${END}\n`));
  assert.deepEqual([...encoding.ids.subarray(-4)], [EOS, EOS, EOS, EOS]);
  assert.deepEqual([...weights.subarray(-5)], [1, 1, 1, 1, 1]);
  const before = await tokenize(example, {});
  const first = before.weights.findIndex((w) => w > 0);
  assert.deepEqual(
    weights.subarray(0, first + 2),
    before.weights.subarray(0, first + 2),
  );
});

Deno.test("the fill ends at max_length, and leaves long answers and texts without a prompt as they are", async () => {
  const { encoding: { ids } } = await tokenize(prompted, {});
  const short = await tokenize(prompted, {
    fill_answer_to: 50,
    max_length: ids.length + 2,
  });
  assert.equal(short.encoding.ids.length, ids.length + 2);
  const long = await tokenize(prompted, { fill_answer_to: 1 });
  assert.deepEqual(long.encoding.ids, ids);
  const text = await tokenize({ text: "as it is" }, { fill_answer_to: 50 });
  assert.ok(text.encoding.ids.length < 10);
});
