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

/** Stretches that cover a text: `ends[i]` is the end of stretch i, `found[i]` whether it was looked for. */
export interface Stretches {
  readonly ends: number[];
  readonly found: boolean[];
}

/** Finds something in a text. */
export type Finder = (text: string) => Stretches;

/** Stretches of matches given as (start, end). */
export function stretchesOf(
  text: string,
  matches: ArrayLike<number>,
): Stretches {
  const ends: number[] = [];
  const found: boolean[] = [];
  let done = 0;
  for (let i = 0; i < matches.length; i += 2) {
    if (matches[i] > done) {
      ends.push(matches[i]);
      found.push(false);
    }
    done = matches[i + 1];
    ends.push(done);
    found.push(true);
  }
  if (done < text.length) {
    ends.push(text.length);
    found.push(false);
  }
  return { ends, found };
}

/** A set of code points. */
export interface Characters {
  has(code: number): boolean;
}

/** Finds every character of a set, one at a time. */
export function findCharacters(set: Characters): Finder {
  return (text) => {
    const ends: number[] = [];
    const found: boolean[] = [];
    let done = 0;
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at) ?? 0;
      const next = at + (code > 0xffff ? 2 : 1);
      if (set.has(code)) {
        if (at > done) {
          ends.push(at);
          found.push(false);
        }
        ends.push(next);
        found.push(true);
        done = next;
      }
      at = next;
    }
    if (done < text.length) {
      ends.push(text.length);
      found.push(false);
    }
    return { ends, found };
  };
}

/** Finds a text wherever it is. */
export function findText(what: string): Finder {
  return (text) => {
    const matches: number[] = [];
    for (
      let at = what === "" ? -1 : text.indexOf(what);
      at >= 0;
      at = text.indexOf(what, at + what.length)
    ) matches.push(at, at + what.length);
    return stretchesOf(text, matches);
  };
}

/** Finds what another does not. */
export function findOther(finder: Finder): Finder {
  return (text) => {
    const { ends, found } = finder(text);
    return { ends, found: found.map((is) => !is) };
  };
}

/** The pieces as (start, end), none empty. */
export function piecesOf(
  { ends, found }: Stretches,
  behaviour: Behaviour,
): number[] {
  const n = ends.length;
  const startOf = (i: number): number => i === 0 ? 0 : ends[i - 1];
  // where a piece begins: at a stretch that is not joined with the one before it
  const joins = new Array<boolean>(n).fill(false);
  if (behaviour === "Contiguous") {
    // the first counts as if something that was not found stood before it
    for (let i = 1; i < n; i++) joins[i] = found[i] === found[i - 1];
  } else if (behaviour === "MergedWithPrevious") {
    for (let i = 1; i < n; i++) joins[i] = found[i] && !found[i - 1];
  } else if (behaviour === "MergedWithNext") {
    for (let i = 1; i < n; i++) joins[i] = found[i - 1] && !found[i];
  }
  const pieces: number[] = [];
  for (let i = 0; i < n; i++) {
    if (behaviour === "Removed" && found[i]) continue;
    const start = startOf(i);
    if (joins[i] && pieces.length > 0) pieces[pieces.length - 1] = ends[i];
    else pieces.push(start, ends[i]);
  }
  return pieces.length === 0 ? pieces : withoutEmpty(pieces);
}

function withoutEmpty(pieces: number[]): number[] {
  for (let i = 0; i < pieces.length; i += 2) {
    if (pieces[i] !== pieces[i + 1]) continue;
    const kept: number[] = [];
    for (let k = 0; k < pieces.length; k += 2) {
      if (pieces[k] < pieces[k + 1]) kept.push(pieces[k], pieces[k + 1]);
    }
    return kept;
  }
  return pieces;
}
