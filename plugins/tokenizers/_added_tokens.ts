/**
 * Finds added tokens (`<|im_end|>` and the like) in a text: leftmost first, the longest of those that
 * start at the same place.
 * @module
 */
import {
  lastCode,
  skip,
  skipBack,
  WHITE_SPACE,
  WORD,
} from "./huggingface/characters.ts";

/** A token that is looked for in the text itself, before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Takes the white space on its left, on its right, into itself. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Matches only where neither neighbour is a letter, a digit or `_`. */
  readonly singleWord: boolean;
  readonly special: boolean;
}

/** A stretch of a text: an added token, or text between two of them. */
export interface Section {
  readonly start: number;
  readonly end: number;
  readonly token: AddedToken | null;
}

/** Cuts texts at added tokens. */
export class AddedTokenSplitter {
  readonly #byFirst = new Map<
    number,
    { content: string; token: AddedToken }[]
  >();
  readonly #first: RegExp | null;

  /** `tokens`: text to search -> its token. */
  constructor(tokens: Iterable<readonly [string, AddedToken]>) {
    for (const [content, token] of tokens) {
      if (content === "") continue;
      const first = content.charCodeAt(0);
      const list = this.#byFirst.get(first) ?? [];
      list.push({ content, token });
      this.#byFirst.set(first, list);
    }
    for (const list of this.#byFirst.values()) {
      list.sort((a, b) => b.content.length - a.content.length);
    }
    const codes = [...this.#byFirst.keys()];
    const escaped = codes.map((code) =>
      `\\u${code.toString(16).padStart(4, "0")}`
    );
    this.#first = codes.length === 0
      ? null
      : new RegExp(`[${escaped.join("")}]`, "g");
  }

  /** The stretches of the text, in order, none empty. */
  split(text: string): Section[] {
    const sections: Section[] = [];
    let done = 0;
    const pattern = this.#first;
    if (pattern !== null) {
      pattern.lastIndex = 0;
      for (
        let match = pattern.exec(text);
        match !== null;
        match = pattern.exec(text)
      ) {
        const at = match.index;
        const found = this.#byFirst.get(text.charCodeAt(at))
          ?.find(({ content }) => text.startsWith(content, at));
        if (found === undefined) continue;
        const after = at + found.content.length;
        pattern.lastIndex = after;
        const { token } = found;
        if (token.singleWord && isWithinWord(text, at, after)) continue;
        // white space that the token before has taken is taken
        const start = token.lstrip
          ? skipBack(text, { from: done, to: at, set: WHITE_SPACE })
          : Math.max(at, done);
        const end = token.rstrip ? skip(text, after, WHITE_SPACE) : after;
        if (start > done) {
          sections.push({ start: done, end: start, token: null });
        }
        sections.push({ start, end: Math.max(start, end), token });
        done = Math.max(done, end);
      }
    }
    if (done < text.length) {
      sections.push({ start: done, end: text.length, token: null });
    }
    return sections;
  }
}

function isWithinWord(text: string, start: number, end: number): boolean {
  return WORD.has(lastCode(text.slice(Math.max(0, start - 2), start))) ||
    (end < text.length && WORD.has(text.codePointAt(end) ?? 0));
}
