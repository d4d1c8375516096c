/**
 * A tokenizer turns text into ids and back, and says which characters each token came from.
 * @module
 */

/** The strings of a tokenizer that mean something to a model. */
export interface SpecialTokens {
  /** Begins a text. */
  readonly bos: string | null;
  /** Ends a text. */
  readonly eos: string | null;
  /** Fills rows. */
  readonly pad: string | null;
  /** Replaces text that is not in the vocabulary. */
  readonly unk: string | null;
}

/**
 * Ids and where they came from. `starts[i]`, `ends[i]` are UTF-16 units of the text: tokens within
 * one character share its span; text that the tokenizer itself put in (BOS, an inserted space)
 * has an empty span.
 */
export interface Encoding {
  /** Token ids (T). */
  readonly ids: Int32Array; // (T)
  /** First UTF-16 unit of each token (T). */
  readonly starts: Int32Array; // (T)
  /** One behind the last (T). */
  readonly ends: Int32Array; // (T)
}

/** Text in, ids out. */
export interface Tokenizer {
  /** Number of ids, added tokens included: the largest id + 1. */
  readonly vocabSize: number;
  /** Special tokens as strings; null where the tokenizer has none. */
  readonly specialTokens: SpecialTokens;
  /** Their ids. */
  readonly specialIds: {
    readonly bos: number | null;
    readonly eos: number | null;
    readonly pad: number | null;
    readonly unk: number | null;
  };
  /** The Jinja chat template that came with it, or null. */
  readonly chatTemplate: string | null;
  /**
   * Ids of the text with verified character spans. `addBos` puts BOS in front where this tokenizer
   * does so by default (`addsBos`); nothing else is ever added.
   * Throws `DataError` if the spans cannot be verified against the text.
   */
  encode(text: string, options: { addBos: boolean }): Encoding;
  /** Whether the tokenizer puts BOS in front of a text by default. */
  readonly addsBos: boolean;
  /** Text of the ids. */
  decode(
    ids: Iterable<number>,
    options?: { skipSpecialTokens?: boolean },
  ): string;
  /** Decodes a growing sequence: each call returns the text that has become certain. */
  decoder(options?: { skipSpecialTokens?: boolean }): TokenStream;
  /** The id of a token's string, or null. */
  idOf(token: string): number | null;
  /** The string of an id as the vocabulary writes it, or null. */
  tokenOf(id: number): string | null;
  /** Whether an id is a special token. */
  isSpecial(id: number): boolean;
  /**
   * The bytes of UTF-8 that a token adds to a text that has begun, maybe a part of a character; null: it adds none of
   * its own. Absent: what a token adds depends on its neighbours, and answers cannot be constrained.
   */
  bytesOf?(id: number): Uint8Array | null;
  /**
   * Texts that a run made special tokens, with their ids. Those from `ownVocabSize` on are new, and a model
   * may have no rows for them yet. Absent: none.
   */
  readonly addedTokens?: ReadonlyMap<string, number>;
  /** `vocabSize` without the new ones of `addedTokens`. Absent: the same. */
  readonly ownVocabSize?: number;
  /**
   * The same tokenizer with these texts as special tokens too, found anywhere in a text; those that it has
   * keep their ids. Absent: it cannot take any.
   */
  withTokens?(tokens: readonly string[]): Tokenizer | Promise<Tokenizer>;
  /**
   * The files to save beside a model (name -> content), such that transformers loads the same
   * tokenizer. `chatTemplate` replaces the one that it came with.
   */
  files(options: { chatTemplate: string | null }): Record<string, string>;
}

/** What other parts may know of the run's tokenizer: see `Host.tokenizer`. */
export type TokenizerFacts = Pick<
  Tokenizer,
  | "vocabSize"
  | "specialTokens"
  | "specialIds"
  | "chatTemplate"
  | "addsBos"
  | "idOf"
  | "tokenOf"
  | "isSpecial"
>;

/** Incremental decoding: no half characters. */
export interface TokenStream {
  /** Adds ids; returns the new text that is certain (maybe ""). */
  push(...ids: number[]): string;
  /** What is still held back. */
  end(): string;
}
