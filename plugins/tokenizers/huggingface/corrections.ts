/**
 * Where the library's steps give other ids than the tokenizers that models were trained with, they are
 * put right in place, so that its own encoding of a text is right too. All of it is about what counts
 * as a space, a letter or a capital: JavaScript counts U+FEFF as white space and not U+0085, knows only
 * ASCII in `\w`, and lowers a capital sigma by its neighbours.
 * @module
 */
import {
  BertNormalizer,
  BertPreTokenizer,
  ByteLevelPreTokenizer,
  DigitsPreTokenizer,
  LowercaseNormalizer,
  type Normalizer,
  type PreTokenizer,
  SequenceNormalizer,
  SequencePreTokenizer,
  StripNormalizer,
  type Tokenizer,
  WhitespacePreTokenizer,
  WhitespaceSplitPreTokenizer,
} from "@huggingface/tokenizers";
import { trimEnd } from "../_added_tokens.ts";

const BYTE_LEVEL =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
const NOT_SPACE = /\P{White_Space}+/gu;
const BERT =
  /[^\p{White_Space}\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+|[\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/gu;

/** Puts the steps of a tokenizer right. */
export function correctSteps(tokenizer: Tokenizer): void {
  correctNormalizer(tokenizer.normalizer);
  correctPreTokenizer(tokenizer.pre_tokenizer);
}

function correctNormalizer(step: Normalizer | null): void {
  if (step instanceof SequenceNormalizer) {
    step.normalizers.forEach(correctNormalizer);
  } else if (
    step instanceof LowercaseNormalizer || step instanceof BertNormalizer
  ) {
    const normalize = step.normalize.bind(step);
    const table = new Map<string, string>(); // most characters come again
    step.normalize = (text) => {
      let result = "";
      for (const character of text) {
        let changed = table.get(character);
        if (changed === undefined) {
          changed = normalize(character);
          if (table.size < 65536) table.set(character, changed);
        }
        result += changed;
      }
      return result;
    };
  } else if (step instanceof StripNormalizer) {
    const config: { strip_left?: boolean; strip_right?: boolean } = step.config;
    step.normalize = (text) => {
      const left = config.strip_left === true
        ? text.replace(/^\p{White_Space}+/u, "")
        : text;
      return config.strip_right === true ? trimEnd(left) : left;
    };
  }
}

function correctPreTokenizer(step: PreTokenizer | null): void {
  if (step instanceof SequencePreTokenizer) {
    step.tokenizers.forEach(correctPreTokenizer);
  } else if (step instanceof ByteLevelPreTokenizer) step.pattern = BYTE_LEVEL;
  else if (step instanceof DigitsPreTokenizer) {
    const single = step.config.individual_digits === true;
    matchAll(step, single ? /\P{N}+|\p{N}/gu : /\P{N}+|\p{N}+/gu);
  } else if (step instanceof WhitespacePreTokenizer) matchAll(step, WORDS);
  else if (step instanceof WhitespaceSplitPreTokenizer) {
    matchAll(step, NOT_SPACE);
  } else if (step instanceof BertPreTokenizer) matchAll(step, BERT);
}

function matchAll(step: PreTokenizer, pattern: RegExp): void {
  step.pre_tokenize_text = (text) => text.match(pattern) ?? [];
}
