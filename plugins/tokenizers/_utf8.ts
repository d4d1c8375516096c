/**
 * Which UTF-16 units a byte of UTF-8 came from.
 * @module
 */

/** For every byte of a text, the span of the character (code point) it is part of. */
export interface ByteSpans {
  readonly bytes: Uint8Array; // (N)
  readonly starts: Int32Array; // (N) UTF-16 unit where the character starts
  readonly ends: Int32Array; // (N) UTF-16 unit after the character
}

/**
 * Encodes text as UTF-8 and keeps the span of each byte's character. A lone surrogate becomes U+FFFD,
 * as everywhere.
 *
 * ```text
 * a é 🙂      units  a=[0,1) é=[1,2) 🙂=[2,4)
 * 61 c3 a9 f0 9f 99 82
 * 0  1  1  2  2  2  2     starts
 * ```
 */
export function byteSpans(text: string, encoder: TextEncoder): ByteSpans {
  const bytes = encoder.encode(text);
  const starts = new Int32Array(bytes.length);
  const ends = new Int32Array(bytes.length);
  let at = 0;
  for (let unit = 0; unit < text.length;) {
    const code = text.codePointAt(unit)!;
    const units = code > 0xffff ? 2 : 1;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let i = 0; i < size; i++, at++) {
      starts[at] = unit;
      ends[at] = unit + units;
    }
    unit += units;
  }
  return { bytes, starts, ends };
}
