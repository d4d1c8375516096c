/**
 * The vocabulary of a `tokenizer.json` as llama.cpp has it: tokens by id with a type each, and merge rules (byte-level
 * BPE, which it calls `gpt2`) or scores (BPE over characters with bytes to fall back on, as sentencepiece trains it:
 * `llama`). What llama.cpp would cut otherwise is refused.
 * @module
 */
import type { ExportText } from "@denotune/denotune/core";
import { nameOf, stepsOf } from "./pre_tokenizers.ts";
import { scoresOf, spacePrefixOf } from "./sentencepiece.ts";
import {
  isSection,
  mergesOf,
  partsOf,
  refusal,
  type Section,
  sectionIn,
  TOKEN_TYPES,
  tokenizerJson,
} from "./tokenizer_json.ts";

/** A vocabulary of llama.cpp. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  /** {@linkcode TOKEN_TYPES}, one a token. */
  readonly types: readonly number[];
  readonly kind:
    | {
      readonly model: "gpt2";
      readonly pre: string;
      readonly merges: readonly string[];
    }
    | {
      readonly model: "llama";
      readonly scores: readonly number[];
      /** Whether a space is put in front of a text. */
      readonly spacePrefix: boolean;
    };
  /** Whether all special tokens but three swallow the spaces behind them: llama.cpp does so for Phi 3 alone. */
  readonly swallowsSpaces: boolean;
}

/** An added token of a `tokenizer.json`. */
interface Added {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/**
 * The vocabulary, `size` tokens long: rows of the embedding without a token get names of their own. Throws
 * `ConfigError` that names what llama.cpp does otherwise.
 */
export function vocabularyOf(text: ExportText, size: number): Vocabulary {
  const json = tokenizerJson(text.files);
  const model = sectionIn(json, "model");
  if (model?.type !== "BPE" || !isSection(model.vocab)) {
    throw refusal(`its model is ${JSON.stringify(model?.type)}, not BPE`);
  }
  const added = addedOf(json);
  const steps = partsOf(sectionIn(json, "pre_tokenizer"), "pretokenizers");
  const isByteLevel = steps.some(({ type }) => type === "ByteLevel");
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types: number[] = tokens.map(() => TOKEN_TYPES.unused);
  for (const [token, id] of Object.entries(model.vocab)) {
    if (typeof id !== "number" || id >= size) {
      throw refusal(
        `token ${
          JSON.stringify(token)
        } has id ${id}, and the model has ${size} rows`,
      );
    }
    tokens[id] = token;
    types[id] = /^<0x[0-9A-F]{2}>$/.test(token) && !isByteLevel
      ? TOKEN_TYPES.byte
      : TOKEN_TYPES.normal;
  }
  for (const { id, content, special } of added) {
    if (id >= size) {
      throw refusal(
        `added token ${
          JSON.stringify(content)
        } has id ${id}, and the model has ${size} rows`,
      );
    }
    tokens[id] = content;
    types[id] = special ? TOKEN_TYPES.control : TOKEN_TYPES.user;
    if (content === model.unk_token && !isByteLevel) {
      types[id] = TOKEN_TYPES.unknown;
    }
  }
  refuseTwice(tokens);
  const common = { tokens, types, swallowsSpaces: swallowsSpaces(json) };
  if (isByteLevel) {
    refuseNormalizers(json);
    const merges = mergesOf(model);
    const pre = nameOf(stepsOf(sectionIn(json, "pre_tokenizer")), {
      ignoreMerges: model.ignore_merges === true,
      hasMerges: merges.length > 0,
    });
    return { ...common, kind: { model: "gpt2", pre, merges } };
  }
  if (model.byte_fallback !== true || !tokens.includes("<0x00>")) {
    throw refusal(
      "it is neither a byte-level BPE (a step `ByteLevel`) nor one that falls back on bytes (`byte_fallback`, <0x00> to <0xFF>)",
    );
  }
  return {
    ...common,
    kind: {
      model: "llama",
      spacePrefix: spacePrefixOf(json),
      scores: scoresOf({ tokens, types, merges: mergesOf(model) }),
    },
  };
}

function addedOf(json: Section): Added[] {
  const list = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return list.filter(isSection).map((token) => {
    const { id, content, special, single_word } = token;
    if (typeof id !== "number" || typeof content !== "string") {
      throw refusal(`it has the added token ${JSON.stringify(token)}`);
    }
    if (single_word === true) {
      throw refusal(
        `the added token ${
          JSON.stringify(content)
        } is only found as a word of its own`,
      );
    }
    return { id, content, special: special === true };
  });
}

/** Tokens that llama.cpp does not let swallow spaces where it takes a model for a Phi 3. */
const PHI_3_WITHOUT = ["<unk>", "<s>", "<|endoftext|>"];

/** Whether special tokens swallow spaces as llama.cpp's Phi 3 does; refuses any other way. */
function swallowsSpaces(json: Section): boolean {
  const list = (Array.isArray(json.added_tokens) ? json.added_tokens : [])
    .filter(isSection);
  const left = list.find((token) => token.lstrip === true);
  if (left !== undefined) {
    throw refusal(
      `the added token ${
        JSON.stringify(left.content)
      } swallows spaces before it`,
    );
  }
  const right = list.filter((token) => token.rstrip === true);
  if (right.length === 0) return false;
  const others = list.filter((token) =>
    token.rstrip !== true && !PHI_3_WITHOUT.includes(String(token.content))
  );
  const wrong = right.find((token) =>
    PHI_3_WITHOUT.includes(String(token.content))
  );
  if (others.length > 0 || wrong !== undefined) {
    throw refusal(
      `the added token ${
        JSON.stringify(right[0].content)
      } swallows spaces behind it`,
    );
  }
  return true;
}

/** llama.cpp normalizes nothing. NFC is let through: texts are in it already, as good as always. */
function refuseNormalizers(json: Section): void {
  const step = partsOf(sectionIn(json, "normalizer"), "normalizers")
    .find(({ type }) => type !== "NFC");
  if (step !== undefined) {
    throw refusal(
      `its normalizer has the step ${JSON.stringify(step).slice(0, 120)}`,
    );
  }
}

function refuseTwice(tokens: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const first = seen.get(token);
    if (first !== undefined) {
      throw refusal(`ids ${first} and ${id} are both ${JSON.stringify(token)}`);
    }
    seen.set(token, id);
  }
}
