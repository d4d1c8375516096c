/**
 * The alphabet of byte-level tokenizers: every byte has a printable character, so that a JSON
 * vocabulary can hold any bytes. Printable Latin-1 bytes map to themselves, the other bytes to
 * U+0100, U+0101, ... in order.
 * @module
 */

function buildAlphabet(): string[] {
  const alphabet: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) ||
      (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.push(String.fromCharCode(printable ? byte : next++));
  }
  return alphabet;
}

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = buildAlphabet(); // (256)

/** The byte of each character of the alphabet. */
export const CHARACTER_BYTES: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

/** Writes bytes in the alphabet. */
export function writeBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_CHARACTERS[byte];
  return text;
}

/** Writes the bytes of an ASCII text in the alphabet; null for other texts. */
export function writeAscii(text: string): string | null {
  let written = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return null;
    written += BYTE_CHARACTERS[unit];
  }
  return written;
}

/** Reads text of the alphabet back, or null if a character is not of it. */
export function readBytes(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = CHARACTER_BYTES.get(text[i]);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
