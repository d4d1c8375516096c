import assert from "node:assert/strict";
import type { AnyPart, Example } from "@denotune/denotune/core";
import { tokenizeExample } from "../../../../core/data/examples/tokenize_example.ts";
import { truncate } from "../../../../core/data/examples/truncate.ts";
import { DATA_DEFAULTS, type Truncation } from "../../../../core/data/types.ts";
import { all, completionOnly } from "../../../../plugins/maskers/mod.ts";
import { bytes, chatTemplate, make, words } from "../_support.ts";

async function cut(
  example: Example,
  truncation: Truncation,
  max_length: number,
  { tokenizer = words(), masker = completionOnly as AnyPart } = {},
) {
  const pipeline = {
    tokenizer,
    template: chatTemplate,
    masker: await make("masker", masker),
    options: { ...DATA_DEFAULTS, truncation, max_length },
  };
  return truncate(tokenizeExample(example, pipeline), pipeline).map((
    piece,
  ) => ({
    text: tokenizer.decode(piece.ids),
    trained: tokenizer.decode(
      [...piece.ids].filter((_, t) => piece.weights[t] > 0),
    ),
    length: piece.ids.length,
    weights: [...piece.weights],
  }));
}

const long: Example = { prompt: "a b c d", completion: " e f g h" }; // 9 tokens with the end

Deno.test("what fits is left alone", async () => {
  const [piece] = await cut(long, "error", 9);
  assert.equal(piece.text, "a b c d e f g h<|eos|>");
});

Deno.test("drop drops, error names the lengths", async () => {
  assert.deepEqual(await cut(long, "drop", 8), []);
  await assert.rejects(
    () => cut(long, "error", 8),
    /9 tokens, more than max_length 8/,
  );
});

Deno.test("keep-start never labels an end on cut text", async () => {
  const [piece] = await cut(long, "keep-start", 8);
  assert.equal(piece.text, "a b c d e f g h");
  assert.equal(piece.trained, " e f g h");
});

Deno.test("keep-end labels the end while the completion is whole, and not when its beginning is gone", async () => {
  const [whole] = await cut(long, "keep-end", 6);
  assert.equal(whole.trained, " e f g h<|eos|>");
  const [part] = await cut(long, "keep-end", 4);
  assert.equal(part.text, " f g h<|eos|>");
  assert.equal(part.trained, " g h"); // nothing stands before " f", and the end belongs to a text that is cut
});

Deno.test("keep-end keeps the BOS that the tokenizer added", async () => {
  const tokenizer = bytes(true);
  const [piece] = await cut(
    { prompt: "abcdef", completion: "gh" },
    "keep-end",
    6,
    { tokenizer },
  );
  assert.equal(piece.text, "<|bos|>efgh<|eos|>");
  assert.deepEqual(piece.weights, [0, 0, 0, 1, 1, 1]);
});

const chat: Example = {
  messages: [
    { role: "system", content: "S" },
    { role: "user", content: "one" },
    { role: "assistant", content: "ONE" },
    { role: "user", content: "two" },
    { role: "assistant", content: "TWO" },
    { role: "user", content: "three" },
    { role: "assistant", content: "THREE is long" },
  ],
};

Deno.test("drop-oldest-turns drops whole exchanges and keeps the system's turn", async () => {
  const [all] = await cut(chat, "keep-start", 1000);
  const [piece] = await cut(chat, "drop-oldest-turns", all.length - 1);
  assert.equal(
    piece.text,
    "<system>S<|eos|>\n<user>two<|eos|>\n<assistant>TWO<|eos|>\n<user>three<|eos|>\n<assistant>THREE is long<|eos|>\n",
  );
  assert.equal(piece.trained, "TWO<|eos|>THREE is long<|eos|>");
});

Deno.test("drop-oldest-turns falls back on keep-start when the last exchange alone is too long", async () => {
  const [piece] = await cut(chat, "drop-oldest-turns", 17);
  assert.equal(piece.length, 17);
  assert.ok(
    piece.text.startsWith("<system>S<|eos|>\n<user>three<|eos|>"),
    piece.text,
  );
  assert.ok(!piece.trained.includes("<|eos|>"));
});

Deno.test("trim-prompt takes from the start of the prompt and keeps the completion whole", async () => {
  const [piece] = await cut(long, "trim-prompt", 7);
  assert.equal(piece.text, " c d e f g h<|eos|>");
  assert.equal(piece.trained, " e f g h<|eos|>");
});

Deno.test("trim-prompt falls back on keep-start when the completion alone is too long", async () => {
  const [piece] = await cut(long, "trim-prompt", 3);
  assert.equal(piece.text, " e f g");
});

Deno.test("split loses no token, puts BOS before each piece, and never cuts a character", async () => {
  const tokenizer = bytes(true);
  const text = "añb🙂c".repeat(20);
  const pieces = await cut({ text }, "split", 16, { tokenizer, masker: all });
  assert.ok(pieces.length > 10);
  assert.equal(
    pieces.map((piece) => piece.text.replace("<|bos|>", "")).join(""),
    `${text}<|eos|>`,
  );
  for (const piece of pieces) {
    assert.ok(piece.length <= 16);
    assert.ok(piece.text.startsWith("<|bos|>"));
    assert.deepEqual(piece.weights, [
      0,
      ...new Array(piece.length - 1).fill(1),
    ]);
    assert.ok(!piece.text.includes("\ufffd"));
  }
});

Deno.test("split labels no end of a turn whose beginning is in an earlier piece", async () => {
  const pieces = await cut(long, "split", 6);
  assert.deepEqual(pieces.map((piece) => piece.trained), [" e f", " h"]);
});
