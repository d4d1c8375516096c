/**
 * Numbers as WebAssembly writes them.
 * @module
 */

/**
 * Bytes of code, {@linkcode VECTOR}s, and code: an operand is part of what is computed from it, and is copied once,
 * when the function takes it.
 */
export type Code = readonly (number | Code)[];

/**
 * In front of the sixteen bytes of a vector constant, where a byte would be: the function that the code becomes part
 * of puts the constant into a local at its start. No byte has this value.
 */
export const VECTOR = 256;

/** Unsigned LEB128 of an integer below 2^53. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

/** Signed LEB128. */
export function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = Number(value & 0x7fn);
    value >>= 7n;
    const last = (value === 0n && (low & 0x40) === 0) ||
      (value === -1n && (low & 0x40) !== 0);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

/** Little-endian float32. */
export function float32(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)];
}

/** Little-endian float64. */
export function float64(value: number): number[] {
  return [...new Uint8Array(new Float64Array([value]).buffer)];
}

/** A name: length and UTF-8. */
export function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

/** Appends bytes, with those of the code within. */
export function append(target: number[], code: Code): void {
  for (let i = 0; i < code.length; i++) {
    const piece = code[i];
    if (typeof piece === "number") target.push(piece);
    else append(target, piece);
  }
}

/** Pieces one behind the other. */
export function joined(
  pieces: readonly (readonly number[] | Uint8Array)[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
  );
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
