/**
 * What single tokens add to a text, for log-probabilities.
 * @module
 */
import type { Tokenizer, TokenScore } from "@denotune/denotune/core";

/** A token as clients get it. */
export interface TokenText {
  readonly token: string;
  /** Its bytes in UTF-8; null where it is a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** Texts of tokens, each found once. */
export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  readonly #found = new Map<number, TokenText>();
  /** A token behind which others are decoded: a decoder drops the space before the first word of a text. */
  readonly #before: number;
  readonly #beforeText: string;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    let before = 0;
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      if (/^[a-z]$/.test(tokenizer.tokenOf(id) ?? "")) {
        before = id;
        break;
      }
    }
    this.#before = before;
    this.#beforeText = tokenizer.decode([before]);
  }

  /** The text of a token. */
  of(id: number): TokenText {
    let found = this.#found.get(id);
    if (found === undefined) {
      const token = this.#tokenizer.decode([this.#before, id])
        .slice(this.#beforeText.length);
      const bytes = token.includes("\ufffd")
        ? null
        : [...new TextEncoder().encode(token)];
      this.#found.set(id, found = { token, bytes });
    }
    return found;
  }

  /** An entry of a chat completion's `logprobs.content`. */
  chatEntry({ id, logProbability, top }: TokenScore) {
    const entry = (id: number, logprob: number) => ({
      ...this.of(id),
      logprob: finite(logprob),
    });
    return {
      ...entry(id, logProbability),
      top_logprobs: top.map(({ id, logProbability }) =>
        entry(id, logProbability)
      ),
    };
  }

  /** An entry of a completion's `top_logprobs`: the chosen token is always among them. */
  topEntry({ id, logProbability, top }: TokenScore): Record<string, number> {
    const entries: Record<string, number> = {};
    for (const one of [...top, { id, logProbability }]) {
      const { token } = this.of(one.id);
      // tokens of one text: the likelier counts
      entries[token] = Math.max(
        entries[token] ?? -Infinity,
        finite(one.logProbability),
      );
    }
    return entries;
  }
}

/** JSON has no infinity. */
export function finite(logProbability: number): number {
  return Math.max(logProbability, -9999);
}
