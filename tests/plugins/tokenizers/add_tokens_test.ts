import assert from "node:assert/strict";
import type { Tokenizer } from "@denotune/denotune/core";
import {
  byteTokenizer,
  loadTokenizer,
} from "../../../plugins/tokenizers/mod.ts";
import { testTokenizer } from "../../conformance/tokenizer.ts";
import { testData } from "../../test_data.ts";
import { inFolder } from "./_folder.ts";

const MARKERS = ["<|im_start|>", "<|im_end|>"] as const;
const TEXTS = [
  "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
  "  <|im_start|>  spaces on both sides  <|im_end|>  ",
  "\n\n<|im_end|>\n",
  "<|im_end|><|im_end|>",
  "glued<|im_start|>to words",
];

interface Kind {
  readonly name: string;
  readonly tokenizer: {
    readonly added_tokens: readonly { content: string; id: number }[];
    readonly model: { readonly vocab: unknown };
  };
}

const KINDS: readonly Kind[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/tokenizer_kinds.json", import.meta.url),
  ),
);

async function extended(
  tokenizer: Tokenizer,
  tokens: readonly string[] = MARKERS,
): Promise<Tokenizer> {
  const more = await tokenizer.withTokens?.(tokens);
  assert.ok(more !== undefined);
  return more;
}

function assertMarkersFound(tokenizer: Tokenizer): void {
  for (const text of TEXTS) {
    const { ids, starts, ends } = tokenizer.encode(text, { addBos: false });
    for (const marker of MARKERS) {
      const places: number[] = [];
      for (let at = text.indexOf(marker); at >= 0;) {
        places.push(at);
        at = text.indexOf(marker, at + 1);
      }
      const found = [...ids.keys()].filter((i) =>
        ids[i] === tokenizer.idOf(marker)
      );
      assert.deepEqual(found.map((i) => starts[i]), places, text);
      for (const i of found) {
        assert.equal(text.slice(starts[i], ends[i]), marker);
      }
    }
  }
}

for (const kind of KINDS) {
  Deno.test(`added tokens, ${kind.name}: found everywhere, behind all ids, and there again from the saved files`, async () => {
    const files = { "tokenizer.json": JSON.stringify(kind.tokenizer) };
    await inFolder(files, async (folder) => {
      const own = await loadTokenizer(folder);
      const more = await extended(own);
      assert.equal(more.vocabSize, own.vocabSize + 2);
      assert.equal(more.ownVocabSize, own.vocabSize);
      assert.deepEqual(
        [...more.addedTokens ?? []],
        MARKERS.map((marker, i) => [marker, own.vocabSize + i]),
      );
      assertMarkersFound(more);
      await inFolder(more.files({ chatTemplate: null }), async (saved) => {
        const again = await loadTokenizer(saved);
        assert.equal(again.vocabSize, more.vocabSize);
        assert.equal(again.addedTokens?.size, 0, "they are the files' own now");
        for (const text of TEXTS) {
          const encode = (t: Tokenizer) => t.encode(text, { addBos: true });
          assert.deepEqual(encode(again), encode(more), text);
          const { ids } = encode(more);
          assert.equal(again.decode(ids), more.decode(ids));
        }
      });
    });
  });
}

for (const name of ["gpt2", "minimind"]) {
  const path = testData(`tokenizers/${name}`);
  if (path === null) continue;
  testTokenizer(
    `added tokens, ${name}`,
    async () => await extended(await loadTokenizer(path), ["<|a|>", "<|b|>"]),
  );
}
testTokenizer(
  "added tokens, byte",
  () => byteTokenizer({ add_bos: true, add_tokens: MARKERS }),
);

Deno.test("added tokens are special: left out where special tokens are", async () => {
  const tokenizer = await extended(byteTokenizer({ add_bos: false }));
  const { ids } = tokenizer.encode("a<|im_end|>b", { addBos: false });
  assert.deepEqual([...ids], [97, 260, 98]);
  assert.ok(tokenizer.isSpecial(260));
  assert.equal(tokenizer.decode(ids), "a<|im_end|>b");
  assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), "ab");
  assertMarkersFound(tokenizer);
});

Deno.test("a token that is there already is not added again, by either tokenizer", async () => {
  const once = await extended(byteTokenizer({ add_bos: false }));
  const twice = await extended(once, ["<|im_end|>", "<|x|>", "<|x|>"]);
  assert.deepEqual([...twice.addedTokens ?? []], [
    ["<|im_start|>", 259],
    ["<|im_end|>", 260],
    ["<|x|>", 261],
  ]);
  const files = { "tokenizer.json": JSON.stringify(KINDS[0].tokenizer) };
  await inFolder(files, async (folder) => {
    const first = await extended(await loadTokenizer(folder));
    assert.equal(await extended(first), first);
    const second = await extended(first, ["<|x|>"]);
    assert.equal(second.vocabSize, first.vocabSize + 1);
    assert.equal(second.ownVocabSize, first.ownVocabSize);
    assert.equal(second.addedTokens?.size, 3);
  });
});

Deno.test("a text of the vocabulary becomes a special token under the id that it has", async () => {
  const kind = KINDS.find(({ name }) => name === "WordLevel");
  assert.ok(kind !== undefined);
  const files = { "tokenizer.json": JSON.stringify(kind.tokenizer) };
  await inFolder(files, async (folder) => {
    const own = await loadTokenizer(folder);
    const word = Object.keys(kind.tokenizer.model.vocab as object)
      .find((token) => /^\w+$/.test(token) && !own.isSpecial(own.idOf(token)!));
    assert.ok(word !== undefined);
    const more = await extended(own, [word]);
    assert.equal(more.vocabSize, own.vocabSize);
    assert.equal(more.ownVocabSize, own.vocabSize);
    assert.deepEqual([...more.addedTokens ?? []], [[word, own.idOf(word)]]);
    assert.ok(more.isSpecial(own.idOf(word)!));
  });
});

Deno.test("ids with gaps take no tokens: the library would give an id twice", async () => {
  const tokenizer = {
    added_tokens: [],
    model: { type: "WordLevel", vocab: { a: 0, b: 5 }, unk_token: "a" },
  };
  const files = { "tokenizer.json": JSON.stringify(tokenizer) };
  await inFolder(files, async (folder) => {
    const own = await loadTokenizer(folder);
    await assert.rejects(
      async () => await extended(own),
      /ids have gaps \(the largest is 5, and the next would be 2\)/,
    );
  });
});

Deno.test("the byte tokenizer takes no single characters: they are its tokens", () => {
  assert.throws(
    () => byteTokenizer({ add_bos: false, add_tokens: ["a"] }),
    /Cannot add "a" to the tokenizer `byte`/,
  );
});

Deno.test("saved configs name added tokens where older readers look, and the class that reads the file as it is", async () => {
  const files = {
    "tokenizer.json": JSON.stringify(KINDS[0].tokenizer),
    "tokenizer_config.json":
      '{"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": {}, "model_max_length": 1000000000000000019884624838656}',
    "added_tokens.json": '{"<old>": 1}',
  };
  await inFolder(files, async (folder) => {
    const own = await loadTokenizer(folder);
    const saved = (await extended(own)).files({ chatTemplate: "{{ 1 }}" });
    const text = saved["tokenizer_config.json"];
    assert.match(text, /"model_max_length": 1000000000000000019884624838656/);
    const config = JSON.parse(text);
    assert.equal(config.tokenizer_class, "PreTrainedTokenizerFast");
    assert.equal(config.chat_template, "{{ 1 }}");
    assert.deepEqual(config.added_tokens_decoder[own.vocabSize], {
      content: "<|im_start|>",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    });
    assert.deepEqual(JSON.parse(saved["added_tokens.json"]), {
      "<old>": 1,
      "<|im_start|>": own.vocabSize,
      "<|im_end|>": own.vocabSize + 1,
    });
  });
});
