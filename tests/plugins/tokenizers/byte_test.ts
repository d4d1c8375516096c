import assert from "node:assert/strict";
import {
  byteTokenizer,
  loadTokenizer,
} from "../../../plugins/tokenizers/mod.ts";
import { rebuild, testTokenizer } from "../../conformance/tokenizer.ts";
import { inFolder } from "./_folder.ts";

testTokenizer("byte", () => byteTokenizer({ add_bos: false }));
testTokenizer("byte with BOS", () => byteTokenizer({ add_bos: true }));

const TEXTS = [
  "",
  "Hello",
  "héllo 👋🏽\n\n<|bos|>x<|eos|> \t€",
  "a<|pad|><|pad|>",
  "<|eos|",
  "\ufeffBOM \x00 \x7f \u0085",
];

Deno.test("byte: ids are the bytes of UTF-8, special tokens stand behind them", () => {
  const tokenizer = byteTokenizer({ add_bos: false });
  assert.equal(tokenizer.vocabSize, 259);
  const { ids } = tokenizer.encode("é<|eos|>a", { addBos: false });
  assert.deepEqual([...ids], [0xc3, 0xa9, 257, 0x61]);
});

Deno.test("byte: the bytes of one character share its span", () => {
  const { starts, ends } = byteTokenizer({ add_bos: false }).encode("aé🙂b", {
    addBos: false,
  });
  assert.deepEqual([...starts], [0, 1, 1, 2, 2, 2, 2, 4]);
  assert.deepEqual([...ends], [1, 2, 2, 4, 4, 4, 4, 5]);
});

Deno.test("byte: half a character is held back until it is whole", () => {
  const stream = byteTokenizer({ add_bos: false }).decoder();
  const [a, b, c, d] = new TextEncoder().encode("🙂");
  assert.deepEqual([stream.push(a), stream.push(b, c), stream.push(d, 0x41)], [
    "",
    "",
    "🙂A",
  ]);
  assert.equal(stream.push(a), "");
  assert.equal(stream.end(), "\ufffd");
});

Deno.test("byte: its files give the same tokenizer back", async () => {
  for (const add_bos of [false, true]) {
    const own = byteTokenizer({ add_bos });
    await inFolder(own.files({ chatTemplate: "{{ 'x' }}" }), async (folder) => {
      const read = await loadTokenizer(folder);
      assert.equal(read.vocabSize, own.vocabSize);
      assert.deepEqual(read.specialTokens, own.specialTokens);
      assert.deepEqual(read.specialIds, own.specialIds);
      assert.equal(read.addsBos, add_bos);
      assert.equal(read.chatTemplate, "{{ 'x' }}");
      for (const text of TEXTS) {
        const encoding = own.encode(text, { addBos: true });
        assert.deepEqual(read.encode(text, { addBos: true }), encoding);
        assert.equal(read.decode(encoding.ids), own.decode(encoding.ids));
        assert.equal(rebuild(text, encoding), text);
      }
    });
  }
});
