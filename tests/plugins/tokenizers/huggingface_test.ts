import assert from "node:assert/strict";
import type { Tokenizer } from "@denotune/denotune/core";
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import { rebuild } from "../../conformance/tokenizer.ts";
import { inFolder } from "./_folder.ts";

interface Kind {
  readonly name: string;
  readonly tokenizer: Record<string, unknown>;
  readonly with_special: readonly number[];
  readonly cases: readonly { text: string; ids: number[]; decoded: string }[];
}

const KINDS: readonly Kind[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/tokenizer_kinds.json", import.meta.url),
  ),
);
const kind = (name: string): Kind => {
  const found = KINDS.find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
};
const BYTE_LEVEL = kind("byte-level BPE, split by a pattern, NFC");
const LLAMA2 = kind("SentencePiece BPE with bytes");

async function load(
  { tokenizer }: Kind,
  config: Record<string, unknown> | null,
  use: (tokenizer: Tokenizer) => void,
): Promise<void> {
  const files: Record<string, string> = {
    "tokenizer.json": JSON.stringify(tokenizer),
  };
  if (config !== null) files["tokenizer_config.json"] = JSON.stringify(config);
  await inFolder(files, async (folder) => use(await loadTokenizer(folder)));
}

for (const one of KINDS) {
  Deno.test(`huggingface, ${one.name}: the ids and texts of Hugging Face tokenizers`, async () => {
    await load(one, null, (tokenizer) => {
      for (const { text, ids, decoded } of one.cases) {
        assert.deepEqual(
          [...tokenizer.encode(text, { addBos: false }).ids],
          ids,
          JSON.stringify(text),
        );
        assert.equal(tokenizer.decode(ids), decoded, JSON.stringify(text));
        const stream = tokenizer.decoder();
        assert.equal(
          ids.map((id) => stream.push(id)).join("") + stream.end(),
          decoded,
        );
      }
    });
  });

  Deno.test(`huggingface, ${one.name}: spans go forward and leave out white space at most`, async () => {
    await load(one, null, (tokenizer) => {
      for (const { text } of one.cases) {
        const { starts, ends } = tokenizer.encode(text, { addBos: true });
        for (let i = 1; i < starts.length; i++) {
          assert.ok(
            starts[i] >= starts[i - 1] && ends[i] >= ends[i - 1],
            JSON.stringify(text),
          );
        }
        // BERT's normaliser drops control characters, the others nothing but spaces
        const kept = (value: string): string =>
          value.replace(/[\s\p{Cc}\p{Cf}\p{M}]/gu, "");
        assert.equal(
          kept(rebuild(text, { ids: starts, starts, ends })),
          kept(text),
        );
      }
    });
  });
}

Deno.test("huggingface: what is put in has an empty span", async () => {
  await load(LLAMA2, null, (tokenizer) => {
    const { ids, starts, ends } = tokenizer.encode("é", { addBos: false });
    const tokens = [...ids].map((id) => tokenizer.tokenOf(id));
    assert.deepEqual(tokens, ["▁", "é"]);
    assert.deepEqual([...starts], [0, 0]);
    assert.deepEqual([...ends], [0, 1]);
  });
  await load(
    kind("byte-level BPE with a space in front"),
    null,
    (tokenizer) => {
      const { starts, ends } = tokenizer.encode("The", { addBos: false });
      assert.deepEqual([starts[0], ends.at(-1)], [0, 3]);
    },
  );
});

Deno.test("huggingface: characters that were joined share the span of all of them", async () => {
  await load(BYTE_LEVEL, null, (tokenizer) => {
    const { ids, starts, ends } = tokenizer.encode("xe\u0301y", {
      addBos: false,
    });
    assert.equal(tokenizer.decode(ids), "x\u00e9y");
    const spans = [...starts].map((start, i) => [start, ends[i]]);
    assert.ok(
      spans.slice(1, -1).every(([start, end]) => start === 1 && end === 3),
    );
    assert.deepEqual(spans.at(-1), [3, 4]);
  });
});

Deno.test("huggingface: an added token takes the space that it strips into its span", async () => {
  await load(BYTE_LEVEL, null, (tokenizer) => {
    const { ids, starts, ends } = tokenizer.encode("a <mask> b", {
      addBos: false,
    });
    const at = [...ids].indexOf(tokenizer.idOf("<mask>") ?? -1);
    assert.deepEqual([starts[at], ends[at]], [1, 8]);
  });
});

Deno.test("huggingface: the post-processor says what stands in front, its EOS is not followed", async () => {
  for (const one of KINDS) {
    await load(one, { bos_token: "<s>" }, (tokenizer) => {
      const ids = [...tokenizer.encode("The boat", { addBos: true }).ids];
      assert.deepEqual(one.with_special.slice(0, ids.length), ids, one.name);
      assert.equal(
        tokenizer.addsBos,
        ids.length > tokenizer.encode("The boat", { addBos: false }).ids.length,
      );
    });
  }
});

Deno.test("huggingface: special tokens come as strings, as objects, by class, or not at all", async () => {
  await load(LLAMA2, {
    bos_token: { content: "<s>" },
    eos_token: "</s>",
    pad_token: null,
  }, (tokenizer) => {
    assert.deepEqual(tokenizer.specialTokens, {
      bos: "<s>",
      eos: "</s>",
      pad: null,
      unk: null,
    });
    assert.deepEqual(tokenizer.specialIds, {
      bos: 1,
      eos: 2,
      pad: null,
      unk: null,
    });
  });
  await load(LLAMA2, { tokenizer_class: "LlamaTokenizerFast" }, (tokenizer) => {
    assert.deepEqual(tokenizer.specialTokens, {
      bos: "<s>",
      eos: "</s>",
      pad: null,
      unk: "<unk>",
    });
  });
  await load(LLAMA2, { eos_token: "<|missing|>" }, (tokenizer) => {
    assert.equal(tokenizer.specialTokens.eos, null);
  });
});

Deno.test("huggingface: the chat template is found in each of its places", async () => {
  const tokenizer = JSON.stringify(LLAMA2.tokenizer);
  const places: readonly Record<string, string>[] = [
    { "tokenizer_config.json": JSON.stringify({ chat_template: "T" }) },
    {
      "tokenizer_config.json": JSON.stringify({
        chat_template: [{ name: "tool_use", template: "U" }, {
          name: "default",
          template: "T",
        }],
      }),
    },
    {
      "tokenizer_config.json": JSON.stringify({ chat_template: "old" }),
      "chat_template.jinja": "T",
    },
    { "chat_template.json": JSON.stringify({ chat_template: "T" }) },
  ];
  for (const place of places) {
    await inFolder(
      { "tokenizer.json": tokenizer, ...place },
      async (folder) => {
        assert.equal((await loadTokenizer(folder)).chatTemplate, "T");
      },
    );
  }
});

Deno.test("huggingface: the files saved keep what was read and replace the chat template", async () => {
  const read = {
    "tokenizer.json": JSON.stringify(LLAMA2.tokenizer),
    "tokenizer_config.json":
      '{"eos_token": "</s>", "model_max_length": 1000000000000000019884624838656, "chat_template": "old"}',
    "chat_template.jinja": "older",
    "special_tokens_map.json": '{"bos_token": "<s>"}',
  };
  await inFolder(read, async (folder) => {
    const tokenizer = await loadTokenizer(folder);
    assert.equal(tokenizer.specialTokens.bos, "<s>");
    assert.deepEqual(tokenizer.files({ chatTemplate: null }), read);
    const saved = tokenizer.files({ chatTemplate: "{{ 'new' }}" });
    assert.deepEqual(Object.keys(saved).sort(), [
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    assert.equal(saved["tokenizer.json"], read["tokenizer.json"]);
    assert.equal(
      JSON.parse(saved["tokenizer_config.json"]).chat_template,
      "{{ 'new' }}",
    );
    assert.match(
      saved["tokenizer_config.json"],
      /"model_max_length": 1000000000000000019884624838656,/,
    );
  });
  await inFolder(
    { "tokenizer.json": read["tokenizer.json"] },
    async (folder) => {
      const saved = (await loadTokenizer(folder)).files({ chatTemplate: "T" });
      assert.equal(
        JSON.parse(saved["tokenizer_config.json"]).chat_template,
        "T",
      );
    },
  );
});

Deno.test("huggingface: a folder that cannot be read says what is there and what to do", async () => {
  const refuses = async (
    files: Record<string, string>,
    ...messages: RegExp[]
  ): Promise<void> => {
    await inFolder(files, async (folder) => {
      for (const message of messages) {
        await assert.rejects(loadTokenizer(folder), {
          name: "DataError",
          message,
        });
      }
    });
  };
  await refuses({}, /no tokenizer\.json \(the folder is empty\)/);
  await refuses(
    { "tokenizer.model": "x", "config.json": "{}" },
    /found config\.json, tokenizer\.model/,
    /convert it once/,
  );
  await refuses({ "vocab.json": "{}", "merges.txt": "" }, /only the slow form/);
  await refuses(
    { "tokenizer.json": "{" },
    /tokenizer\.json: it is not valid JSON/,
  );
  await refuses(
    { "tokenizer.json": "[]" },
    /expected a JSON object, found a list/,
  );
  await refuses({ "tokenizer.json": "{}" }, /it has no `model`/);
  await refuses(
    { "tokenizer.json": '{"model": {"type": "Tiktoken"}}' },
    /"Tiktoken"; known: BPE/,
  );
  await refuses(
    { "tokenizer.json": '{"model": {"type": "BPE"}}' },
    /no `vocab`/,
  );
  await refuses(
    {
      "tokenizer.json":
        '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": {"type": "Nope"}}',
    },
    /normalizer: the normalizer "Nope" is not known/,
  );
  await refuses(
    {
      "tokenizer.json":
        '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": [{"id": 1}]}',
    },
    /added_tokens\[0\]/,
  );
  const good = JSON.stringify(LLAMA2.tokenizer);
  await refuses(
    { "tokenizer.json": good, "added_tokens.json": "{" },
    /added_tokens\.json: it is not valid JSON/,
  );
  await refuses(
    {
      "tokenizer.json": good,
      "tokenizer_config.json": `{"x": ${"[".repeat(1000)}${"]".repeat(1000)}}`,
    },
    /tokenizer_config\.json: .*nested more than 200 deep/,
  );
  await refuses(
    {
      "tokenizer.json": JSON.stringify({
        ...LLAMA2.tokenizer,
        added_tokens: [{ id: 5000, content: "<odd>" }],
      }),
    },
    /"<odd>", has the id 5000, and Hugging Face's library would give it \d+/,
  );
  await refuses(
    {
      "tokenizer.json": JSON.stringify({
        ...LLAMA2.tokenizer,
        normalizer: { type: "Replace", pattern: { Regex: "(a" }, content: "" },
      }),
    },
    /regular expression "\(a" of .*tokenizer\.json: a \( has no \)/,
  );
  await assert.rejects(loadTokenizer("no/such/folder"), {
    name: "DataError",
    message: /there is no such folder/,
  });
});

Deno.test("huggingface: an expression that backtracks without end is stopped, and the file is named", async () => {
  for (
    const section of [
      { normalizer: { type: "Replace", pattern: { Regex: "(a+)+$" } } },
      {
        pre_tokenizer: {
          type: "Split",
          pattern: { Regex: "(a|a)*b" },
          behavior: "Isolated",
        },
      },
    ]
  ) {
    const tokenizer = {
      ...LLAMA2.tokenizer,
      ..."normalizer" in section
        ? { normalizer: { ...section.normalizer, content: "" } }
        : section,
    };
    await load({ ...LLAMA2, tokenizer }, null, (tokenizer) => {
      const began = performance.now();
      assert.throws(
        () => tokenizer.encode(`${"a".repeat(60)}!`, { addBos: false }),
        {
          name: "ConfigError",
          message: /of .*\/tokenizer\.json takes too many/,
        },
      );
      assert.ok(performance.now() - began < 60_000);
    });
  }
});

Deno.test("huggingface: a word of a million letters is encoded in bounded time", async () => {
  for (const one of [BYTE_LEVEL, LLAMA2]) {
    await load(one, null, (tokenizer) => {
      const text = "boat".repeat(250_000);
      const { ends } = tokenizer.encode(text, { addBos: false });
      assert.equal(ends.at(-1), text.length);
    });
  }
});

Deno.test("huggingface: a character with thousands of marks is refused, not ordered for minutes", async () => {
  await load(BYTE_LEVEL, null, (tokenizer) => {
    const marks = (count: number) => `a${"\u0301\u0327".repeat(count)}`;
    assert.ok(tokenizer.encode(marks(200), { addBos: false }).ids.length > 0);
    assert.throws(() => tokenizer.encode(marks(500_000), { addBos: false }), {
      name: "DataError",
      message: /more than 500 combining marks on one character/,
    });
  });
});
