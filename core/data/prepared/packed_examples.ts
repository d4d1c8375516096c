/**
 * Examples as 32-bit words: how they are kept, sent by workers and written to the cache.
 *
 * ```text
 * an example:    runs | length weight | length weight | ... | id id id ...
 * of sequences:  -sequences | length length ... | runs | length weight | ... | id id id ...
 * ```
 *
 * The lengths of the runs add up to the number of ids, so a stream of examples can be split.
 * @module
 */

/** Examples side by side. */
export interface PackedExamples {
  /** All words, in order. */
  readonly words: Int32Array<ArrayBuffer>;
  /** Words of each example. */
  readonly sizes: Uint32Array<ArrayBuffer>; // (examples)
  /** Tokens of each example. */
  readonly lengths: Uint32Array<ArrayBuffer>; // (examples)
}

/** Tokens of an example. */
export interface TokenSequence {
  readonly ids: Int32Array; // (T)
  readonly weights: Float32Array; // (T)
  /** Tokens of each sequence, where it has several that belong together. */
  readonly lengths?: readonly number[];
}

/** The words of an example. */
export function packExample(
  { ids, weights, lengths }: TokenSequence,
): Int32Array<ArrayBuffer> {
  const runs = runsOf(weights);
  const head = lengths === undefined ? [] : [-lengths.length, ...lengths];
  const words = new Int32Array(head.length + 1 + runs.length + ids.length);
  words.set(head);
  words[head.length] = runs.length / 2;
  words.set(runs, head.length + 1);
  words.set(ids, head.length + 1 + runs.length);
  return words;
}

/** Ids and weights of an example, as arrays of the caller's own. */
export function unpackExample(
  words: Int32Array,
  length: number,
): TokenSequence {
  if (words[0] < 0) {
    const rest = 1 - words[0];
    const lengths = Array.from(words.subarray(1, rest));
    return { ...unpackExample(words.subarray(rest), length), lengths };
  }
  const runs = words[0];
  const weights = new Float32Array(length); // (T)
  const asFloat = new Float32Array(
    words.buffer,
    words.byteOffset,
    words.length,
  );
  for (let r = 0, at = 0; r < runs; r++) {
    const end = at + words[1 + 2 * r];
    weights.fill(asFloat[2 + 2 * r], at, end);
    at = end;
  }
  return { ids: words.slice(1 + 2 * runs, 1 + 2 * runs + length), weights };
}

/** Collects examples. */
export class ExamplePacker {
  #words = new Int32Array(4096);
  #used = 0;
  readonly #sizes: number[] = [];
  readonly #lengths: number[] = [];

  /** Tokens and weights collected, in words. */
  get words(): number {
    return this.#used;
  }

  /** Adds an example at the end. */
  push(example: TokenSequence): void {
    const words = packExample(example);
    const used = this.#used + words.length;
    if (used > this.#words.length) {
      const larger = new Int32Array(Math.max(used, 2 * this.#words.length));
      larger.set(this.#words.subarray(0, this.#used));
      this.#words = larger;
    }
    this.#words.set(words, this.#used);
    this.#used = used;
    this.#sizes.push(words.length);
    this.#lengths.push(example.ids.length);
  }

  /** What was collected, in arrays of its own. */
  take(): PackedExamples {
    return {
      words: this.#words.slice(0, this.#used),
      sizes: Uint32Array.from(this.#sizes),
      lengths: Uint32Array.from(this.#lengths),
    };
  }
}

/** Equal weights in a row, as (length, bits of the weight). */
function runsOf(weights: Float32Array): Int32Array {
  const runs: number[] = [];
  for (let t = 0, start = 0; t < weights.length; t++) {
    if (t + 1 < weights.length && weights[t + 1] === weights[t]) continue;
    runs.push(t + 1 - start, weights[t]);
    start = t + 1;
  }
  const words = new Int32Array(runs.length);
  const asFloat = new Float32Array(words.buffer);
  for (let r = 0; r < runs.length; r += 2) {
    words[r] = runs[r];
    asFloat[r + 1] = runs[r + 1];
  }
  return words;
}
