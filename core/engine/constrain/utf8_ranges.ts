/**
 * Ranges of code points as ranges of the bytes of UTF-8.
 *
 * ```text
 * U+0061..U+00FF   [61-7f]  [c2-c3][80-bf]
 * ```
 * @module
 */

/** The last code points of one, two, three and four bytes, and the surrogates, which UTF-8 cannot write. */
const CUTS: readonly (readonly [number, number])[] = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
];

type Range = readonly [number, number];

/** Sequences of byte ranges that together match the code points of a range. */
export function utf8Ranges([from, to]: Range): readonly (readonly Range[])[] {
  return CUTS.flatMap(([first, last]) => {
    const low = Math.max(from, first);
    const high = Math.min(to, last);
    return low > high ? [] : split(low, high);
  });
}

/** Of code points whose bytes are equally many. */
function split(low: number, high: number): readonly (readonly Range[])[] {
  // where the last bytes do not run from 80 to bf, what is before them must be equal
  for (const bits of [6, 12, 18]) {
    const mask = (1 << bits) - 1;
    if ((low & ~mask) === (high & ~mask)) break;
    if ((low & mask) !== 0) {
      return [...split(low, low | mask), ...split((low | mask) + 1, high)];
    }
    if ((high & mask) !== mask) {
      return [
        ...split(low, (high & ~mask) - 1),
        ...split(high & ~mask, high),
      ];
    }
  }
  const [first, last] = [bytesOf(low), bytesOf(high)];
  return [first.map((byte, i): Range => [byte, last[i]])];
}

function bytesOf(code: number): readonly number[] {
  if (code < 0x80) return [code];
  const tail = (bits: number) => 0x80 | ((code >> bits) & 0x3f);
  if (code < 0x800) return [0xc0 | (code >> 6), tail(0)];
  if (code < 0x10000) return [0xe0 | (code >> 12), tail(6), tail(0)];
  return [0xf0 | (code >> 18), tail(12), tail(6), tail(0)];
}
