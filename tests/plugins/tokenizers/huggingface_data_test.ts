import assert from "node:assert/strict";
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import { rebuild, testTokenizer } from "../../conformance/tokenizer.ts";
import { testData } from "../../test_data.ts";

const FOLDERS = {
  gpt2: testData("tokenizers/gpt2"),
  minimind: testData("tokenizers/minimind"),
  stories260k: testData("models/stories260k"),
};

for (const [name, folder] of Object.entries(FOLDERS)) {
  if (folder === null) {
    Deno.test({
      name: `huggingface, ${name}: not there`,
      ignore: true,
      fn: () => {},
    });
  }
  if (folder !== null) {
    testTokenizer(`huggingface, ${name}`, () => loadTokenizer(folder));
  }
}

for (const name of ["gpt2", "stories260k"] as const) {
  const folder = FOLDERS[name];
  const golden = testData(`golden/tokens_${name}.json`);
  Deno.test({
    name: `huggingface, ${name}: the golden ids, texts and offsets`,
    ignore: folder === null || golden === null,
    async fn() {
      assert.ok(folder !== null && golden !== null);
      const tokenizer = await loadTokenizer(folder);
      const cases: { text: string; ids: number[] }[] = JSON.parse(
        await Deno.readTextFile(golden),
      );
      for (const { text, ids } of cases) {
        const encoding = tokenizer.encode(text, { addBos: false });
        assert.deepEqual([...encoding.ids], ids, JSON.stringify(text));
        assert.equal(tokenizer.decode(ids), text);
        assert.equal(rebuild(text, encoding), text);
      }
    },
  });
}

const sort = testData("models/gpt-nano-sort");
Deno.test({
  name:
    "huggingface, gpt-nano-sort: a vocabulary of three letters, without special tokens",
  ignore: sort === null,
  async fn() {
    assert.ok(sort !== null);
    const tokenizer = await loadTokenizer(sort);
    assert.equal(tokenizer.vocabSize, 3);
    assert.deepEqual(tokenizer.specialTokens, {
      bos: null,
      eos: null,
      pad: null,
      unk: null,
    });
    const { ids, starts } = tokenizer.encode("CA?B", { addBos: true });
    assert.deepEqual([...ids], [2, 0, 1]); // what is not in the vocabulary is left out
    assert.deepEqual([...starts], [0, 1, 3]);
    assert.equal(tokenizer.decode([0, 1, 2]), "A B C"); // no decoder: as Hugging Face joins them
  },
});
