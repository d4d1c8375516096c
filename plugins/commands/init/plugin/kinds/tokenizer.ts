import type { KindTemplate } from "../kind_template.ts";

/** One token a character. */
export const tokenizer: KindTemplate = {
  does: "A tokenizer for denotune: one token a character of an alphabet.",
  part: `/** One token a character. @module */
import {
  definePart,
  definePlugin,
  type Plugin,
  type Tokenizer,
} from "@denotune/denotune/core";
import { z } from "zod";

const ASCII = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));

const options = z.strictObject({
  alphabet: z.string().default(["\\n", ...ASCII].join("")).describe(
    "Characters that are tokens; all others are <unk>",
  ),
});

const [PAD, UNK, EOS] = ["<pad>", "<unk>", "<eos>"];

const part = definePart({
  kind: "tokenizer",
  name: "NAME",
  description: "One token a character of an alphabet",
  options,
  create: ({ alphabet }): Tokenizer => {
    const special = [PAD, UNK, EOS]; // ids 0, 1, 2, then the alphabet
    const tokens = [...special, ...new Set(alphabet)];
    const ids = new Map(tokens.map((token, id) => [token, id]));
    const decoder: Tokenizer["decoder"] = ({ skipSpecialTokens } = {}) => ({
      push: (...more) =>
        more.map((id) =>
          skipSpecialTokens === true && id < special.length
            ? ""
            : tokens[id] ?? ""
        ).join(""),
      end: () => "", // nothing is held back: no token is half a character
    });
    return {
      vocabSize: tokens.length,
      specialTokens: { bos: null, eos: EOS, pad: PAD, unk: UNK },
      specialIds: { bos: null, eos: 2, pad: 0, unk: 1 },
      chatTemplate: null,
      addsBos: false,
      // ids, and the UTF-16 units that each came from, each (T)
      encode(text) {
        const found: number[] = [];
        const starts: number[] = [];
        for (let at = 0; at < text.length;) {
          const token = special.find((name) => text.startsWith(name, at)) ??
            String.fromCodePoint(text.codePointAt(at) ?? 0);
          found.push(ids.get(token) ?? 1);
          starts.push(at);
          at += token.length;
        }
        return {
          ids: Int32Array.from(found),
          starts: Int32Array.from(starts),
          ends: Int32Array.from(
            starts,
            (_, i) => starts[i + 1] ?? text.length,
          ),
        };
      },
      decode: (of, how) => decoder(how).push(...of),
      decoder,
      idOf: (token) => ids.get(token) ?? null,
      tokenOf: (id) => tokens[id] ?? null,
      isSpecial: (id) => id >= 0 && id < special.length,
      // what is saved beside a model: transformers loads the same tokenizer
      files: ({ chatTemplate }) => ({
        "tokenizer.json": JSON.stringify({
          version: "1.0",
          truncation: null,
          padding: null,
          added_tokens: special.map((content, id) => ({
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
          })),
          normalizer: null,
          pre_tokenizer: {
            type: "Split",
            pattern: { Regex: "[\\\\s\\\\S]" },
            behavior: "Isolated",
            invert: false,
          },
          post_processor: null,
          decoder: { type: "Fuse" },
          model: {
            type: "WordLevel",
            vocab: Object.fromEntries(ids),
            unk_token: UNK,
          },
        }),
        "tokenizer_config.json": JSON.stringify({
          tokenizer_class: "PreTrainedTokenizerFast",
          eos_token: EOS,
          pad_token: PAD,
          unk_token: UNK,
          clean_up_tokenization_spaces: false,
          ...(chatTemplate === null ? {} : { chat_template: chatTemplate }),
        }),
      }),
    };
  },
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testTokenizer } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every tokenizer must do; lossless: every text comes back from its ids
testTokenizer(plugin.name, () => makePart(plugin, "tokenizer"), {
  lossless: false,
});

// what is special about this one
Deno.test("characters are tokens, others are unknown", async () => {
  const tokenizer = await makePart(plugin, "tokenizer", { alphabet: "ab" });
  const { ids, starts, ends } = tokenizer.encode("b?a<eos>", { addBos: true });
  assert.deepEqual([...ids], [4, 1, 3, 2]);
  assert.deepEqual([...starts], [0, 1, 2, 3]);
  assert.deepEqual([...ends], [1, 2, 3, 8]);
  assert.equal(tokenizer.decode(ids), "b<unk>a<eos>");
});
`,
  run: {
    tokenizer: `tokenizer: NAME`,
    model: `model:
  from_config:
    model_type: llama
    vocab_size: 99
    hidden_size: 32
    intermediate_size: 64
    num_hidden_layers: 2
    num_attention_heads: 4
    num_key_value_heads: 2
    max_position_embeddings: 128
    tie_word_embeddings: true`,
  },
};
