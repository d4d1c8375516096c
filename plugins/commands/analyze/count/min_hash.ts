/**
 * Near duplicates of texts: what "near" means, and a sketch of a text from which it can be guessed.
 *
 * Two texts are as similar as their sets of shingles: |both| / |either| (Jaccard). A shingle is a run of
 * 5 characters of the text in lower case with blanks collapsed: one other word of six letters in 120
 * characters leaves 0.83.
 *
 * A sketch has 96 bins. Every shingle is hashed once and falls into a bin, which keeps the least hash
 * (one-permutation MinHash, Li, Owen and Zhang 2012); an empty bin takes that of a full one, chosen by a
 * fixed rule of the bin alone (Shrivastava 2017). The share of equal bins is about the similarity. 8 bits
 * of each bin are kept: 96 bytes a text.
 * @module
 */
import { mix32 } from "@denotune/denotune/core";

/** Characters of a shingle. */
export const SHINGLE = 5;
/** Bins, and bytes, of a sketch. */
export const SKETCH_BINS = 96;

const BASE = 0x01000193;

/** The text as it is compared. */
export function comparable(text: string): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

/** Calls `use` with the hash of every shingle of a comparable text; a shorter text is one shingle. */
function eachShingle(text: string, use: (hash: number) => void): void {
  let power = 1;
  for (let i = 0; i < SHINGLE; i++) power = Math.imul(power, BASE);
  let rolling = 0;
  for (let i = 0; i < text.length; i++) {
    rolling = Math.imul(rolling, BASE) + text.charCodeAt(i) | 0;
    if (i >= SHINGLE) {
      rolling = rolling - Math.imul(text.charCodeAt(i - SHINGLE), power) | 0;
    }
    if (i >= SHINGLE - 1) use(mix32(rolling));
  }
  if (text.length < SHINGLE) use(mix32(rolling ^ text.length));
}

/** Writes the sketch of a comparable text into `sketch`, (96). `least` (96) is written over. */
export function sketchInto(
  text: string,
  sketch: Uint8Array,
  least: Float64Array,
): void {
  least.fill(Infinity);
  eachShingle(text, (hash) => {
    const bin = hash % SKETCH_BINS;
    const rest = mix32(hash ^ 0x5bd1e995);
    if (rest < least[bin]) least[bin] = rest;
  });
  for (let bin = 0; bin < SKETCH_BINS; bin++) {
    let from = bin;
    for (let attempt = 1; least[from] === Infinity; attempt++) {
      from = mix32(Math.imul(bin + 1, 0x9e3779b9) + attempt | 0) % SKETCH_BINS;
    }
    sketch[bin] = mix32(least[from]) & 0xff;
  }
}

/** The shingles of a comparable text as sorted hashes, each once. */
export function shinglesOf(text: string): Uint32Array {
  const all = new Uint32Array(Math.max(1, text.length - SHINGLE + 1));
  let n = 0;
  eachShingle(text, (hash) => all[n++] = hash);
  all.sort();
  let unique = 0;
  for (let i = 0; i < n; i++) {
    if (i === 0 || all[i] !== all[i - 1]) all[unique++] = all[i];
  }
  return all.subarray(0, unique);
}

/** Jaccard similarity of two sorted sets, in [0, 1]. */
export function similarityOf(a: Uint32Array, b: Uint32Array): number {
  let both = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      both++;
      i++;
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  return both / (a.length + b.length - both);
}
