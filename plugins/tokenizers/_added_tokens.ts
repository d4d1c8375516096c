/**
 * Finds added tokens (`<|im_end|>` and the like) in a text: leftmost first, the longest of those that
 * start at the same place.
 * @module
 */

/** A token that is looked for in the text itself, before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Takes the white space on its left, on its right, into itself. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
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

  /** `tokens`: what to look for -> the token that it stands for. */
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
        if (at > done) sections.push({ start: done, end: at, token: null });
        done = at + found.content.length;
        sections.push({ start: at, end: done, token: found.token });
        pattern.lastIndex = done;
      }
    }
    if (done < text.length) {
      sections.push({ start: done, end: text.length, token: null });
    }
    return absorbSpace(text, sections);
  }
}

/** The text without the white space at its end, as Unicode counts white space. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1])) end--;
  return text.slice(0, end);
}

/** Moves the borders of tokens that take the white space beside them. */
function absorbSpace(text: string, sections: Section[]): Section[] {
  if (
    !sections.some(({ token }) =>
      token !== null && (token.lstrip || token.rstrip)
    )
  ) {
    return sections;
  }
  const result = [...sections];
  for (let i = 0; i < result.length; i++) {
    const { token, end } = result[i];
    if (token === null) continue;
    const before = result[i - 1];
    if (token.lstrip && before !== undefined && before.token === null) {
      const cut = before.start +
        trimEnd(text.slice(before.start, before.end)).length;
      result[i - 1] = { ...before, end: cut };
      result[i] = { ...result[i], start: cut };
    }
    const after = result[i + 1];
    if (token.rstrip && after !== undefined && after.token === null) {
      const cut = after.end -
        text.slice(after.start, after.end).replace(/^\p{White_Space}+/u, "")
          .length;
      result[i + 1] = { ...after, start: cut };
      result[i] = { start: result[i].start, end: Math.max(end, cut), token };
    }
  }
  return result.filter(({ start, end, token }) =>
    token !== null || end > start
  );
}
