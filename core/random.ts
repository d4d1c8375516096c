/**
 * Random numbers as a function of a key: nothing is stateful, so order, resume and recomputation
 * cannot change them. All arithmetic is on 32-bit integers, the same on every backend.
 * @module
 */

/** Mixes 32 bits ("lowbias32" of the hash prospector project, bias 0.17). */
export function mix32(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** One 32-bit key from several integers; the order of the parts matters. */
export function hash32(...parts: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const part of parts) {
    h = mix32((h + Math.imul(part | 0, 0x85ebca6b)) | 0);
  }
  return h >>> 0;
}

/** The 32 random bits of an element: of a row's key, a stream, and the element's index in the row. */
export function bitsAt(key: number, stream: number, column: number): number {
  return mix32(
    (mix32((key + Math.imul(stream, 0x9e3779b9)) | 0) +
      Math.imul(column, 0x85ebca6b)) | 0,
  );
}

/**
 * The uniform number in [0, 1) of an element: the rule that the expression `random` follows on every
 * backend. `key` is a 32-bit row key, `stream` the id of the node, `column` the element's index.
 */
export function uniformAt(key: number, stream: number, column: number): number {
  return (bitsAt(key, stream, column) >>> 8) / 16777216; // 24 bits: exact in float32
}

/**
 * The number of an element from the standard Gumbel distribution: the rule that the kernel `sample` follows.
 * Of 31 bits, so that it reaches from -3.1 to 22.
 */
export function gumbelAt(key: number, stream: number, column: number): number {
  const uniform = ((bitsAt(key, stream, column) >>> 1) + 0.5) / 2147483648;
  return -Math.log(-Math.log1p(-uniform));
}

/** A small generator for hosts: `next()` is uniform in [0, 1), keyed by the parts. */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
}

/** A counter-based generator: the i-th number depends on the key and i alone. */
export function randomFrom(...key: readonly number[]): Random {
  const base = hash32(...key);
  let counter = 0;
  let spare: number | null = null;
  const next = () =>
    mix32((base + Math.imul(++counter, 0x9e3779b9)) | 0) / 4294967296;
  return {
    next,
    below: (n) => Math.floor(next() * n),
    normal() {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      const angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** Fisher-Yates shuffle of 0..n-1, a function of the key alone. */
export function shuffledIndices(
  n: number,
  ...key: readonly number[]
): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const base = hash32(...key);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(
      (mix32((base + Math.imul(i, 0x9e3779b9)) | 0) / 4294967296) * (i + 1),
    );
    const swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  return order;
}
