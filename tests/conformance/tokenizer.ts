/**
 * What every tokenizer must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { Encoding, Tokenizer } from "@denotune/denotune/core";

/** What the suite need not ask of a tokenizer. */
export interface TokenizerSuiteOptions {
  /**
   * Whether text comes back from its ids, and tokens cover all of it. False for tokenizers that lower
   * letters, drop white space or have unknown tokens.
   */
  readonly lossless?: boolean;
}

const TEXTS: readonly string[] = [
  "",
  "a",
  "Hello, world!",
  "two  spaces\n\nand lines\t",
  " leading and trailing ",
  "Grüße aus Köln, ça va?",
  "你好 👋🏽 and 👨‍👩‍👧",
  "e\u0301 is not é",
  "### Instruction:\nCount to 3.\n\n### Response:\n1 2 3",
];

/** Registers the tests of a tokenizer. */
export function testTokenizer(
  name: string,
  make: () => Tokenizer | Promise<Tokenizer>,
  { lossless = true }: TokenizerSuiteOptions = {},
): void {
  const each = (what: string, check: (tokenizer: Tokenizer) => void): void => {
    Deno.test(`${name}: ${what}`, async () => check(await make()));
  };

  each("ids are of its vocabulary, one span a token", (tokenizer) => {
    for (const text of TEXTS) {
      const { ids, starts, ends } = tokenizer.encode(text, { addBos: false });
      assert.equal(starts.length, ids.length);
      assert.equal(ends.length, ids.length);
      for (const id of ids) {
        assert.ok(
          id >= 0 && id < tokenizer.vocabSize,
          `id ${id} of ${JSON.stringify(text)}`,
        );
        assert.notEqual(tokenizer.tokenOf(id), null);
      }
    }
  });

  each("spans go forward and cut no character in two", (tokenizer) => {
    for (const text of TEXTS) {
      const { starts, ends } = tokenizer.encode(text, { addBos: true });
      for (let i = 0; i < starts.length; i++) {
        assert.ok(
          starts[i] >= (starts[i - 1] ?? 0),
          `starts of ${JSON.stringify(text)}`,
        );
        assert.ok(ends[i] >= starts[i] && ends[i] <= text.length);
        assert.ok(
          ends[i] >= (ends[i - 1] ?? 0),
          `ends of ${JSON.stringify(text)}`,
        );
        for (const at of [starts[i], ends[i]]) {
          const code = text.charCodeAt(at);
          assert.ok(
            !(code >= 0xdc00 && code <= 0xdfff),
            `half a character at ${at} of ${JSON.stringify(text)}`,
          );
        }
      }
    }
  });

  each("the same text gives the same tokens", (tokenizer) => {
    for (const text of [...TEXTS, ...TEXTS]) {
      assert.deepEqual(
        tokenizer.encode(text, { addBos: false }),
        tokenizer.encode(text, { addBos: false }),
      );
    }
  });

  each("a token stream gives what decoding the whole gives", (tokenizer) => {
    for (const text of TEXTS) {
      const ids = [...tokenizer.encode(text, { addBos: true }).ids];
      for (const skipSpecialTokens of [false, true]) {
        const stream = tokenizer.decoder({ skipSpecialTokens });
        const pieces = ids.map((id) => stream.push(id));
        const streamed = pieces.join("") + stream.end();
        assert.equal(streamed, tokenizer.decode(ids, { skipSpecialTokens }));
        for (const piece of pieces) {
          assert.ok(
            !/[\ud800-\udbff]$/.test(piece),
            "a piece ends in half a character",
          );
        }
      }
    }
  });

  each(
    "BOS stands in front where the tokenizer adds it, with an empty span",
    (tokenizer) => {
      const without = tokenizer.encode("Hello", { addBos: false });
      const { ids, starts, ends } = tokenizer.encode("Hello", { addBos: true });
      const added = ids.length - without.ids.length;
      assert.equal(added > 0, tokenizer.addsBos);
      assert.deepEqual([...ids.subarray(added)], [...without.ids]);
      for (let i = 0; i < added; i++) {
        assert.deepEqual([starts[i], ends[i]], [
          0,
          0,
        ]);
      }
      if (added === 1) assert.equal(ids[0], tokenizer.specialIds.bos);
    },
  );

  each(
    "special tokens are found in the text, have ids, and can be left out",
    (tokenizer) => {
      for (const name of ["bos", "eos", "pad", "unk"] as const) {
        const token = tokenizer.specialTokens[name];
        const id = tokenizer.specialIds[name];
        assert.equal(id, token === null ? null : tokenizer.idOf(token));
        if (token === null || id === null) continue;
        assert.ok(tokenizer.isSpecial(id), `${name} is special`);
        assert.equal(tokenizer.decode([id], { skipSpecialTokens: true }), "");
      }
      const { eos } = tokenizer.specialTokens;
      if (eos === null) return;
      const { ids, starts, ends } = tokenizer.encode(`a${eos}`, {
        addBos: false,
      });
      assert.equal(ids.at(-1), tokenizer.specialIds.eos);
      assert.deepEqual([starts.at(-1), ends.at(-1)], [1, 1 + eos.length]);
    },
  );

  each(
    "files are text by name, with the chat template that is asked for",
    (tokenizer) => {
      const template = "{{- messages[0].content }}";
      const files = tokenizer.files({ chatTemplate: template });
      assert.ok(Object.keys(files).length > 0);
      const written = Object.values(files).some((file) =>
        file.includes(template) ||
        file.includes(JSON.stringify(template).slice(1, -1))
      );
      assert.ok(written, "the chat template is in one of the files");
      for (const file of Object.keys(files)) assert.match(file, /^[\w.-]+$/);
    },
  );

  if (!lossless) return;
  each("text comes back from its ids", (tokenizer) => {
    for (const text of TEXTS) {
      assert.equal(
        tokenizer.decode(tokenizer.encode(text, { addBos: false }).ids),
        text,
      );
    }
  });

  each("the spans of tokens rebuild the text", (tokenizer) => {
    for (const text of TEXTS) {
      assert.equal(
        rebuild(text, tokenizer.encode(text, { addBos: true })),
        text,
      );
    }
  });
}

/** The text that spans cover, in order, each character once. */
export function rebuild(text: string, { starts, ends }: Encoding): string {
  let done = 0;
  let result = "";
  for (let i = 0; i < starts.length; i++) {
    result += text.slice(Math.max(done, starts[i]), ends[i]);
    done = Math.max(done, ends[i]);
  }
  return result;
}
