/**
 * The token that hides others: one that the vocabulary has, or a new one.
 * @module
 */
import { ConfigError, type TokenizerFacts } from "@denotune/denotune/core";

/** Names under which vocabularies have it: Dream and EuroBERT, LLaDA, BERT, RoBERTa. */
const KNOWN: readonly string[] = [
  "<|mask|>",
  "<|mdm_mask|>",
  "[MASK]",
  "<mask>",
];

/** A mask token. */
export interface MaskToken {
  /** As the vocabulary writes it; null where its id alone is given. */
  readonly token: string | null;
  /** Its id; null where the vocabulary does not have it yet. */
  readonly id: number | null;
}

/** The token that is wanted; null: the first of the known names that the vocabulary has, else `<|mask|>`. */
export function maskToken(
  wanted: string | number | null,
  { idOf, tokenOf, vocabSize }: TokenizerFacts,
): MaskToken {
  if (typeof wanted === "number") {
    if (wanted < vocabSize) return { token: tokenOf(wanted), id: wanted };
    throw new ConfigError(
      `\`mask_token\` is ${wanted}, and the vocabulary has ${vocabSize} tokens; give the token as a text, and it is added`,
    );
  }
  const token = wanted ?? KNOWN.find((name) => idOf(name) !== null) ?? KNOWN[0];
  return { token, id: idOf(token) };
}
