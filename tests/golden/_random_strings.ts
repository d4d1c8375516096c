/**
 * The random strings of make_tokenizer_steps.py, and its hashes of ids.
 * @module
 */

/** What strings are made of; a number stands for a random character of the range with that index. */
export interface Fragments {
  readonly fragments: readonly (string | number)[];
  readonly ranges: readonly (readonly [number, number])[];
}

/** The first strings of the sequence. */
export function randomStrings(
  { fragments, ranges }: Fragments,
  count: number,
): string[] {
  let state = 29;
  const below = (n: number): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) % n;
  };
  return Array.from({ length: count }, () => {
    let text = "";
    for (let left = 1 + below(12); left > 0; left--) {
      const fragment = fragments[below(fragments.length)];
      if (typeof fragment === "string") text += fragment;
      else {
        const [low, high] = ranges[fragment];
        text += String.fromCodePoint(low + below(high - low + 1));
      }
    }
    return text;
  });
}

/** FNV-1a over the ids of some strings, four bytes each, with a mark after every string. */
export function hashOfIds(lists: Iterable<Iterable<number>>): string {
  let value = 0x811c9dc5;
  const add = (number: number): void => {
    for (const shift of [0, 8, 16, 24]) {
      value = Math.imul(value ^ (number >>> shift & 0xff), 0x01000193);
    }
  };
  for (const ids of lists) {
    for (const id of ids) add(id);
    add(0xffffffff);
  }
  return (value >>> 0).toString(16).padStart(8, "0");
}
