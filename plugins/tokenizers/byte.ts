/**
 * `byte`: one token a byte of UTF-8, and three special tokens. Needs no files, knows every text, and
 * is what small models from random weights learn fastest to try things out.
 * @module
 */
import {
  ConfigError,
  definePart,
  type Encoding,
  type Part,
  type Tokenizer,
  type TokenStream,
} from "@denotune/denotune/core";
import { z } from "zod";
import { addTokensOption } from "./_add_tokens_option.ts";
import { type AddedToken, AddedTokenSplitter } from "./_added_tokens.ts";
import { BYTE_CHARACTERS } from "./_byte_alphabet.ts";
import { TokenBuffer } from "./_token_buffer.ts";
import { byteSpans } from "./_utf8.ts";

const BOS = "<|bos|>";
const EOS = "<|eos|>";
const PAD = "<|pad|>";
const SPECIALS: readonly string[] = [BOS, EOS, PAD]; // ids 256, 257, 258; then what is added

/** Options of the tokenizer `byte`. */
export interface ByteOptions {
  readonly add_bos: boolean;
  readonly add_tokens?: readonly string[];
}

/** The part `byte`. */
export const byte: Part<"tokenizer", Partial<ByteOptions>, ByteOptions> =
  definePart({
    kind: "tokenizer",
    name: "byte",
    description:
      "One token a byte of UTF-8, plus <|bos|>, <|eos|> and <|pad|>; needs no files",
    options: z.strictObject({
      add_bos: z.boolean().default(false).describe(
        "Put <|bos|> in front of every text",
      ),
      add_tokens: addTokensOption,
    }),
    create: (options) => byteTokenizer(options),
  });

/** The tokenizer itself: 259 ids, and those of added tokens. */
export function byteTokenizer(
  { add_bos, add_tokens = [] }: ByteOptions,
): Tokenizer {
  const bytes = add_tokens.find((token) => BYTE_CHARACTERS.includes(token));
  if (bytes !== undefined) {
    throw new ConfigError(
      `Cannot add ${
        JSON.stringify(bytes)
      } to the tokenizer \`byte\`: single characters are its tokens already`,
    );
  }
  const encoder = new TextEncoder();
  const specials = [...new Set([...SPECIALS, ...add_tokens])];
  const added = specials.map((content, i): AddedToken => ({
    id: 256 + i,
    content,
    lstrip: false,
    rstrip: false,
    singleWord: false,
    special: true,
  }));
  const splitter = new AddedTokenSplitter(
    added.map((token) => [token.content, token]),
  );
  const buffer = new TokenBuffer();

  function encode(text: string, { addBos }: { addBos: boolean }): Encoding {
    buffer.clear();
    if (addBos && add_bos) buffer.push(256, 0, 0);
    for (const { start, end, token } of splitter.split(text)) {
      if (token !== null) {
        buffer.push(token.id, start, end);
        continue;
      }
      const { bytes, starts, ends } = byteSpans(
        text.slice(start, end),
        encoder,
      );
      for (let i = 0; i < bytes.length; i++) {
        buffer.push(bytes[i], start + starts[i], start + ends[i]);
      }
    }
    return buffer.encoding();
  }

  const decoder = (
    options: { skipSpecialTokens?: boolean } = {},
  ): TokenStream => byteStream(specials, options.skipSpecialTokens ?? false);
  return {
    vocabSize: 256 + specials.length,
    specialTokens: { bos: BOS, eos: EOS, pad: PAD, unk: null },
    specialIds: { bos: 256, eos: 257, pad: 258, unk: null },
    chatTemplate: null,
    addsBos: add_bos,
    encode,
    decode(ids, options) {
      const stream = decoder(options);
      return stream.push(...ids) + stream.end();
    },
    decoder,
    idOf(token) {
      const special = specials.indexOf(token);
      const plain = special < 0
        ? BYTE_CHARACTERS.indexOf(token)
        : 256 + special;
      return plain < 0 ? null : plain;
    },
    tokenOf: (id) => BYTE_CHARACTERS[id] ?? specials[id - 256] ?? null,
    isSpecial: (id) => id >= 256 && id < 256 + specials.length,
    bytesOf: (id) => id < 256 ? Uint8Array.of(id) : null,
    addedTokens: new Map(
      specials.map((token, i) => [token, 256 + i] as const)
        .slice(SPECIALS.length),
    ),
    ownVocabSize: 256 + SPECIALS.length,
    withTokens: (tokens) =>
      byteTokenizer({ add_bos, add_tokens: [...add_tokens, ...tokens] }),
    files: ({ chatTemplate }) => byteFiles({ add_bos, specials }, chatTemplate),
  };
}

function byteStream(
  specials: readonly string[],
  skipSpecialTokens: boolean,
): TokenStream {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push(...ids) {
      let text = "";
      let pending: number[] = [];
      const flush = (stream: boolean): void => {
        text += decoder.decode(Uint8Array.from(pending), { stream });
        pending = [];
      };
      for (const id of ids) {
        if (id < 256) {
          pending.push(id);
          continue;
        }
        const special = specials[id - 256];
        if (special === undefined || skipSpecialTokens) continue;
        flush(false); // a special token ends a half character
        text += special;
      }
      flush(true);
      return text;
    },
    end: () => decoder.decode(),
  };
}

/** The same tokenizer as Hugging Face files: a byte-level BPE without merges. */
function byteFiles(
  { add_bos, specials }: {
    readonly add_bos: boolean;
    readonly specials: readonly string[];
  },
  chatTemplate: string | null,
): Record<string, string> {
  const vocab = Object.fromEntries(
    [...BYTE_CHARACTERS, ...specials].map((token, id) => [token, id]),
  );
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: true,
  };
  const special = { SpecialToken: { id: BOS, type_id: 0 } };
  const sequence = (id: string, type_id: number) => ({
    Sequence: { id, type_id },
  });
  const bosFirst = {
    type: "TemplateProcessing",
    single: [special, sequence("A", 0)],
    pair: [special, sequence("A", 0), special, sequence("B", 1)],
    special_tokens: { [BOS]: { id: BOS, ids: [256], tokens: [BOS] } },
  };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, i) => ({
      id: 256 + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: add_bos ? bosFirst : null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: [],
    },
  };
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: BOS,
    eos_token: EOS,
    pad_token: PAD,
    clean_up_tokenization_spaces: false,
    model_max_length: 1_000_000_000,
    ...(chatTemplate === null ? {} : { chat_template: chatTemplate }),
  };
  return {
    "tokenizer.json": JSON.stringify(tokenizer, null, 1) + "\n",
    "tokenizer_config.json": JSON.stringify(config, null, 2) + "\n",
  };
}
