/**
 * The pattern that byte-level tokenizers cut by where their file names none: GPT-2's.
 * @module
 */
import { compileRegularExpression } from "@denotune/denotune/core";
import { type Finder, stretchesOf } from "./split.ts";

const expression = compileRegularExpression(
  String
    .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  { dialect: "oniguruma", where: "the byte-level tokenizer" },
);

/** GPT-2's pieces: contractions, words, numbers and marks with a space before them, and runs of spaces. */
export const GPT2: Finder = (text) =>
  stretchesOf(text, expression.matches(text));
