/**
 * What is found in a text, and the pieces that are made of it: the five ways of the Rust library.
 *
 * ```text
 * the-final--countdown, split at -
 * Removed             the final countdown
 * Isolated            the - final - - countdown
 * MergedWithPrevious  the- final- - countdown
 * MergedWithNext      the -final - -countdown
 * Contiguous          the - final -- countdown
 * ```
 * @module
 */
/** What becomes of what is found. */
export const BEHAVIOURS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;
/** One of them. */
export type Behaviour = typeof BEHAVIOURS[number];

/** Stretches that cover a text: `ends[i]` is the end of stretch i, `found[i]` 1 where it was looked for. */
export interface Stretches {
  readonly ends: Int32Array; // (stretches)
  readonly found: Uint8Array; // (stretches)
}

/** Finds something in a text. */
export type Finder = (text: string) => Stretches;

/** A set of code points. */
export interface Characters {
  has(code: number): boolean;
}

/** Collects stretches from the left. */
export class StretchBuilder {
  #ends = new Int32Array(16);
  #found = new Uint8Array(16);
  #count = 0;
  #done = 0;

  /** Adds a match; what is between it and the one before was not looked for. */
  match(start: number, end: number): void {
    if (start > this.#done) this.stretch(start, false);
    this.stretch(end, true);
  }

  /** Adds a stretch from the end of the one before. */
  stretch(end: number, found: boolean): void {
    if (this.#count === this.#ends.length) {
      const [ends, is] = [this.#ends, this.#found];
      this.#ends = new Int32Array(2 * ends.length);
      this.#found = new Uint8Array(2 * ends.length);
      this.#ends.set(ends);
      this.#found.set(is);
    }
    this.#found[this.#count] = found ? 1 : 0;
    this.#ends[this.#count++] = end;
    this.#done = end;
  }

  /** The stretches of a text of this length. */
  finish(length: number): Stretches {
    if (this.#done < length) this.stretch(length, false);
    return {
      ends: this.#ends.subarray(0, this.#count),
      found: this.#found.subarray(0, this.#count),
    };
  }
}

/** Stretches of matches given as (start, end). */
export function stretchesOf(
  text: string,
  matches: ArrayLike<number>,
): Stretches {
  const builder = new StretchBuilder();
  for (let i = 0; i < matches.length; i += 2) {
    builder.match(matches[i], matches[i + 1]);
  }
  return builder.finish(text.length);
}

/** Finds every character of a set, one at a time. */
export function findCharacters(set: Characters): Finder {
  return (text) => {
    const builder = new StretchBuilder();
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at) ?? 0;
      const next = at + (code > 0xffff ? 2 : 1);
      if (set.has(code)) builder.match(at, next);
      at = next;
    }
    return builder.finish(text.length);
  };
}

/** Finds a text wherever it is. */
export function findText(what: string): Finder {
  return (text) => {
    const builder = new StretchBuilder();
    for (
      let at = what === "" ? -1 : text.indexOf(what);
      at >= 0;
      at = text.indexOf(what, at + what.length)
    ) builder.match(at, at + what.length);
    return builder.finish(text.length);
  };
}

/** Finds what another does not. */
export function findOther(finder: Finder): Finder {
  return (text) => {
    const { ends, found } = finder(text);
    return { ends, found: found.map((is) => 1 - is) };
  };
}

/** Calls with the start and the end of every piece, from the left; none is empty. */
export function eachPiece(
  { ends, found }: Stretches,
  behaviour: Behaviour,
  piece: (start: number, end: number) => void,
): void {
  const n = ends.length;
  let start = 0;
  for (let i = 0; i < n; i++) {
    const end = ends[i];
    if (behaviour === "Removed" && found[i] === 1) {
      start = end;
      continue;
    }
    // a piece continues where the next stretch is joined with this one
    if (i + 1 < n && joins(found[i], found[i + 1], behaviour)) continue;
    if (end > start) piece(start, end);
    start = end;
  }
}

/** Whether a stretch and the one after it are one piece; 1: it was looked for. */
function joins(is: number, next: number, behaviour: Behaviour): boolean {
  switch (behaviour) {
    case "Removed":
    case "Isolated":
      return false;
    case "MergedWithPrevious":
      return is === 0 && next === 1;
    case "MergedWithNext":
      return is === 1 && next === 0;
    case "Contiguous":
      return is === next;
  }
}
