/**
 * Where an answer ends, and which of its text is certain.
 * @module
 */
import type { Tokenizer } from "../../contracts/tokenizer.ts";

/** Decodes one answer as it grows, and sees where it ends. */
export class StopWatch {
  readonly #stream: ReturnType<Tokenizer["decoder"]>;
  readonly #ends: ReadonlySet<number>;
  readonly #texts: readonly string[];
  readonly #leaves: (id: number) => boolean;
  readonly #onText: (text: string) => void;
  #text = "";
  #emitted = 0;
  #stopped = false;

  constructor(
    tokenizer: Tokenizer,
    options: {
      ends: ReadonlySet<number>;
      texts: readonly string[];
      kept: ReadonlySet<number>;
      onText: (text: string) => void;
    },
  ) {
    const { kept } = options;
    this.#stream = tokenizer.decoder({ skipSpecialTokens: kept.size === 0 });
    this.#leaves = (id) =>
      kept.size > 0 && tokenizer.isSpecial(id) && !kept.has(id);
    this.#ends = options.ends;
    this.#texts = options.texts;
    this.#onText = options.onText;
  }

  /** Continues the text of a prompt; the prompt's own text is not part of the answer. */
  follow(prompt: Int32Array): void {
    // a decoder drops the space before the first word of a text, not of its continuation
    for (const id of prompt) if (!this.#leaves(id)) this.#stream.push(id);
  }

  /** Adds a token; true where the answer ends with it. */
  push(id: number): boolean {
    if (this.#ends.has(id)) {
      this.#stopped = true;
      return true;
    }
    return this.#leaves(id) ? false : this.#add(this.#stream.push(id));
  }

  /** The whole answer; passes held-back text to `onText` first. */
  end(): string {
    if (!this.#stopped) this.#add(this.#stream.end());
    this.#emit(this.#text.length);
    return this.#text;
  }

  #add(piece: string): boolean {
    // a stop text may begin in what was there before
    const from = Math.max(
      0,
      this.#text.length - Math.max(0, ...this.#texts.map((t) => t.length)),
    );
    this.#text += piece;
    let cut = -1;
    for (const stop of this.#texts) {
      const at = this.#text.indexOf(stop, from);
      if (at >= 0 && (cut < 0 || at < cut)) cut = at;
    }
    if (cut >= 0) {
      this.#text = this.#text.slice(0, cut);
      this.#stopped = true;
    }
    this.#emit(
      this.#stopped ? this.#text.length : this.#text.length - this.#heldBack(),
    );
    return this.#stopped;
  }

  /** Length of the longest end of the text with which a stop text may begin. */
  #heldBack(): number {
    let held = 0;
    for (const stop of this.#texts) {
      for (
        let n = Math.min(stop.length - 1, this.#text.length);
        n > held;
        n--
      ) {
        if (this.#text.endsWith(stop.slice(0, n))) held = n;
      }
    }
    return held;
  }

  #emit(until: number): void {
    if (until <= this.#emitted) return;
    this.#onText(this.#text.slice(this.#emitted, until));
    this.#emitted = until;
  }
}
