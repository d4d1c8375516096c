import assert from "node:assert/strict";
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import {
  type Fragments,
  hashOfIds,
  randomStrings,
} from "../../golden/_random_strings.ts";
import { inFolder } from "./_folder.ts";

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
            .map((text) => tokenizer.encode(text, { addBos: false }).ids);
          const expected = hashes.slice(8 * block, 8 * block + 8);
          if (hashOfIds(ids) !== expected) wrong.push(block);
        }
        assert.deepEqual(wrong, [], "blocks of strings with other ids");
      },
    );
  });
}
