import assert from "node:assert/strict";
import type { Encoding } from "@denotune/denotune/core";
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import {
  type Fragments,
  hashOfIds,
  randomStrings,
} from "../../golden/_random_strings.ts";
import { inFolder } from "./_folder.ts";
import { python } from "../../python.ts";

interface Golden extends Fragments {
  readonly models: Readonly<Record<string, unknown>>;
  readonly kinds: Readonly<
    Record<
      string,
      {
        readonly sections: { readonly model: string };
        /** Of the ids of every hundred strings, eight digits each. */
        readonly hashes: string;
      }
    >
  >;
}

const golden: Golden = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/tokenizer_steps.json", import.meta.url),
  ),
);
const BLOCK = 100;
// all 3,000 strings take a second a kind
const COUNT = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 3000 : 300;
const STRINGS = randomStrings(golden, COUNT);

for (const [name, { sections, hashes }] of Object.entries(golden.kinds)) {
  Deno.test(`huggingface, ${name}: the ids of Hugging Face tokenizers on ${COUNT} random strings`, async () => {
    const file = { ...sections, model: golden.models[sections.model] };
    await inFolder(
      { "tokenizer.json": JSON.stringify(file) },
      async (folder) => {
        const tokenizer = await loadTokenizer(folder);
        const wrong: number[] = [];
        for (let block = 0; block * BLOCK < COUNT; block++) {
          const ids = STRINGS.slice(block * BLOCK, (block + 1) * BLOCK)
            .map((text) => {
              const encoding = tokenizer.encode(text, { addBos: false });
              checkSpans(text, encoding);
              return encoding.ids;
            });
          const expected = hashes.slice(8 * block, 8 * block + 8);
          if (hashOfIds(ids) !== expected) wrong.push(block);
        }
        assert.deepEqual(wrong, [], "blocks of strings with other ids");
      },
    );
  });
}

/** Spans go forward within the text, and cut no character in two. */
function checkSpans(text: string, { starts, ends }: Encoding): void {
  for (let i = 0; i < starts.length; i++) {
    const about = `token ${i} of ${JSON.stringify(text)}`;
    assert.ok(starts[i] >= (starts[i - 1] ?? 0), about);
    assert.ok(ends[i] >= (ends[i - 1] ?? 0), about);
    assert.ok(ends[i] >= starts[i] && ends[i] <= text.length, about);
    for (const at of [starts[i], ends[i]]) {
      const isHalf = /[\ud800-\udbff]/.test(text[at - 1] ?? "") &&
        /[\udc00-\udfff]/.test(text[at] ?? "");
      assert.ok(!isHalf, about);
    }
  }
}

const SCRIPT =
  new URL("../../golden/make_tokenizer_steps.py", import.meta.url).pathname;

for (const rule of ["nmt_nfkc", "nmt_nfkc_cf", "nfkc"]) {
  Deno.test({
    name:
      `huggingface, the whole table ${rule} of SentencePiece: the ids of Hugging Face tokenizers on 3000 random strings`,
    // the tables are large, and Python makes them
    ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
    fn: async () => {
      await inFolder({}, async (folder) => {
        const printed = await python([SCRIPT, "rule", rule, folder]);
        const expected = printed.trim();
        const tokenizer = await loadTokenizer(folder);
        const ids = randomStrings(golden, 3000)
          .map((text) => tokenizer.encode(text, { addBos: false }).ids);
        const own = Array.from(
          { length: 3000 / BLOCK },
          (_, b) => hashOfIds(ids.slice(b * BLOCK, (b + 1) * BLOCK)),
        );
        assert.equal(own.join(""), expected);
      });
    },
  });
}
