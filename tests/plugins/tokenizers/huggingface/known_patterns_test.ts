/** The loops for known patterns find what the engine for any expression finds. */
import assert from "node:assert/strict";
import { compileRegularExpression } from "../../../../core/mod.ts";
import { KNOWN_PATTERNS } from "../../../../plugins/tokenizers/huggingface/known_patterns.ts";
import { stretchesOf } from "../../../../plugins/tokenizers/huggingface/split.ts";

// letters, numbers, marks, spaces of all widths, line breaks, what contractions are made of; halves of a pair alone
const CHARACTERS = [
  ..."aZé漢ß9٣½Ⅷ.,-_(😀🏽\u0301\u200d\ufe0f\u200b'’\t\u00a0\u3000\u2028\u0085\v",
  ..."sStTrReEvVmMlLdDſ\u{1d400}\u{1d7d8}\u{20000}",
  " ",
  " ",
  " ",
  "'",
  "'",
  "\n",
  "\n",
  "\r\n",
  "\ud800",
  "\udc00",
];

for (const [source, find] of KNOWN_PATTERNS) {
  Deno.test(`20,000 random texts are cut as the expression ${source} says`, () => {
    const where = "the test";
    const expression = compileRegularExpression(source, {
      dialect: "oniguruma",
      where,
    });
    let state = 7;
    const below = (n: number) => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
      return ((state ^ (state >>> 13)) >>> 0) % n;
    };
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from(
        { length: below(14) },
        () => CHARACTERS[below(CHARACTERS.length)],
      ).join("");
      assert.deepEqual(
        find(text),
        stretchesOf(text, text === "" ? [] : expression.matches(text)),
        JSON.stringify(text),
      );
    }
  });
}
