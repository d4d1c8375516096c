/**
 * Examples as 32-bit words: how they are kept, sent by workers and written to the cache.
 *
 * ```text
 * an example:  runs | length weight | length weight | ... | id id id ...
 * ```
 *
 * The lengths of the runs add up to the number of ids, so a stream of examples can be told apart.
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

/** The words of an example. */
export function packExample(
  ids: Int32Array,
  weights: Float32Array,
): Int32Array<ArrayBuffer> {
  const runs = runsOf(weights);
  const words = new Int32Array(1 + runs.length + ids.length);
  words[0] = runs.length / 2;
  words.set(runs, 1);
  words.set(ids, 1 + runs.length);
  return words;
}

/** Ids and weights of an example, as arrays of the caller's own. */
export function unpackExample(
  words: Int32Array,
  length: number,
): { ids: Int32Array; weights: Float32Array } {
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
  push(ids: Int32Array, weights: Float32Array): void {
    const words = packExample(ids, weights);
    const used = this.#used + words.length;
    if (used > this.#words.length) {
      const larger = new Int32Array(Math.max(used, 2 * this.#words.length));
      larger.set(this.#words.subarray(0, this.#used));
      this.#words = larger;
    }
    this.#words.set(words, this.#used);
    this.#used = used;
    this.#sizes.push(words.length);
    this.#lengths.push(ids.length);
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
