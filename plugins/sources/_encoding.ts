/**
 * Looks at bytes: byte order marks, UTF-16, gzip, and where UTF-8 breaks.
 * @module
 */

/** What the first bytes of a file say. */
export type HeadKind =
  | "utf-8"
  | "utf-8-bom"
  | "utf-16le"
  | "utf-16be"
  | "utf-32"
  | "gzip"
  | "zstd"
  | "empty";

/** Looks at the first (at least four, if there are so many) bytes of a file. */
export function kindOfHead(head: Uint8Array): HeadKind {
  const [a, b, c, d] = head;
  if (head.length === 0) return "empty";
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8-bom";
  const zeros = [a, b, c, d].filter((byte) => byte === 0).length;
  const isMark = a === 0xff && b === 0xfe || a === 0xfe && b === 0xff;
  if (zeros >= 2 && (isMark || (c === 0xfe && d === 0xff) || zeros === 3)) {
    return "utf-32";
  }
  if (isMark) return a === 0xff ? "utf-16le" : "utf-16be";
  // without a mark, every other byte of ASCII text in UTF-16 is zero
  if (head.length >= 4 && b === 0 && d === 0) return "utf-16le";
  if (head.length >= 4 && a === 0 && c === 0) return "utf-16be";
  return "utf-8";
}

/** Index of the first byte that does not belong to valid UTF-8, or -1. */
export function invalidUtf8At(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length;) {
    const length = characterLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return -1;
}

/** Bytes of the character that starts at `i`; 0 where none does (Unicode, table 3-7). */
function characterLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80; // no overlong forms
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf; // no surrogates, nothing above U+10FFFF
  for (let k = 1; k < length; k++) {
    const byte = i + k < bytes.length ? bytes[i + k] : 0;
    if (byte < (k === 1 ? low : 0x80) || byte > (k === 1 ? high : 0xbf)) {
      return 0;
    }
  }
  return length;
}
