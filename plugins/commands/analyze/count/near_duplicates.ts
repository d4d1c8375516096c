/**
 * Finds near duplicates among many rows: locality-sensitive hashing over sketches, then the true
 * similarity of the few pairs that it proposes.
 *
 * ```text
 * a sketch, 16 bands of 6 bins:   bbbbbb|bbbbbb| ... |bbbbbb      one band equal: a candidate
 * ```
 *
 * A pair of similarity s is a candidate with probability 1 - (1 - s^6)^16: 0.992 at 0.8, 0.22 at 0.5. Bands
 * are made from the threshold such that this is at least 0.99 there. A candidate counts only when its
 * texts, read again, are as similar as the threshold asks, so there are no false alarms; rows are
 * compared with earlier ones, the newest first, at most 16 of a bucket. No random numbers: the same rows
 * give the same answer.
 *
 * Memory: 96 bytes a row for the sketch, 16 for one band's buckets; bands are done one after the other.
 * @module
 */
import {
  comparable,
  shinglesOf,
  similarityOf,
  SKETCH_BINS,
  sketchInto,
} from "./min_hash.ts";

const CHUNK_ROWS = 16384;
/** Rows of a bucket that a row is compared with. */
const MOST_COMPARED = 16;
/** Texts whose shingles are kept, in case they are compared again. */
const KEPT_TEXTS = 64;

/** Sketches by row. */
export class Sketches {
  readonly #chunks: Uint8Array[] = [];
  readonly #least: Float64Array = new Float64Array(SKETCH_BINS);
  #length = 0;

  /** How many sketches there are. */
  get length(): number {
    return this.#length;
  }

  /** Adds the sketch of a text. */
  push(text: string): void {
    if (this.#length % CHUNK_ROWS === 0) {
      this.#chunks.push(new Uint8Array(CHUNK_ROWS * SKETCH_BINS));
    }
    this.#length++;
    sketchInto(comparable(text), this.at(this.#length - 1), this.#least);
  }

  /** A sketch, (96). */
  at(row: number): Uint8Array {
    const start = (row % CHUNK_ROWS) * SKETCH_BINS;
    return this.#chunks[Math.floor(row / CHUNK_ROWS)].subarray(
      start,
      start + SKETCH_BINS,
    );
  }
}

/** How sketches are cut into bands. */
export interface Banding {
  readonly bands: number;
  /** Bins of a band. */
  readonly bins: number;
}

/** The widest bands that find a pair of that similarity with probability 0.99. */
export function bandingFor(similarity: number): Banding {
  for (const bins of [12, 8, 6, 4, 3, 2]) {
    const bands = SKETCH_BINS / bins;
    if (1 - (1 - similarity ** bins) ** bands >= 0.99) return { bands, bins };
  }
  return { bands: SKETCH_BINS, bins: 1 };
}

/** What is searched. */
export interface NearRequest {
  /** Of the rows that are searched. */
  readonly sketches: Sketches;
  /** Of rows that are only compared with those, not with each other. */
  readonly others?: Sketches;
  /** Rows that are left out: exact duplicates of earlier ones. */
  readonly skip: (row: number) => boolean;
  /** The text of a row, as it was given to `push`. */
  readonly textOf: (row: number) => string;
  /** The same of `others`. */
  readonly otherTextOf?: (row: number) => string;
  /** Similarity from which rows are near, in (0, 1]. */
  readonly similarity: number;
  /** Lets other work of the thread have its turn. */
  readonly pause?: (done: number, of: number) => Promise<void> | undefined;
}

/** What was found. */
export interface NearFound {
  /** For each row the earlier row that it is near to, or itself. */
  readonly nearTo: Uint32Array;
  /** For each of `others` a row that it is near to, or -1. */
  readonly otherNearTo: Int32Array;
}

/** Compares every row with the earlier ones. */
export async function findNear(request: NearRequest): Promise<NearFound> {
  const { sketches, others, skip, similarity } = request;
  const N = sketches.length;
  const M = others?.length ?? 0;
  const nearTo = Uint32Array.from({ length: N }, (_, row) => row);
  const otherNearTo = new Int32Array(M).fill(-1);
  const { bands, bins } = bandingFor(similarity);
  const slots = 2 ** Math.ceil(Math.log2(Math.max(2, 1.5 * N)));
  const heads = new Int32Array(slots); // row + 1 of the newest in a bucket
  const next = new Int32Array(N); // row + 1 of the one before it
  const compare = comparer(request);
  for (let band = 0; band < bands; band++) {
    const from = band * bins;
    const slotOf = (sketch: Uint8Array): number => {
      let hash = band + 1;
      for (let b = from; b < from + bins; b++) {
        hash = Math.imul(hash ^ sketch[b], 0x01000193);
        hash ^= hash >>> 15;
      }
      return (Math.imul(hash, 0x9e3779b9) >>> 0) % slots;
    };
    const nearest = (
      sketch: Uint8Array,
      slot: number,
      isNear: (row: number) => boolean,
    ): number => {
      let compared = 0;
      for (
        let at = heads[slot];
        at !== 0 && compared < MOST_COMPARED;
        at = next[at - 1]
      ) {
        const other = sketches.at(at - 1);
        if (!equalWithin(sketch, other, from, from + bins)) continue;
        compared++;
        if (isNear(at - 1)) return at - 1;
      }
      return -1;
    };
    heads.fill(0);
    for (let row = 0; row < N; row++) {
      if (row % 64 === 0) await request.pause?.(band * N + row, bands * N);
      if (skip(row)) continue;
      const sketch = sketches.at(row);
      const slot = slotOf(sketch);
      if (nearTo[row] === row) {
        const found = nearest(
          sketch,
          slot,
          (earlier) => compare.rows(row, earlier),
        );
        if (found !== -1) nearTo[row] = found;
      }
      next[row] = heads[slot];
      heads[slot] = row + 1;
    }
    for (let other = 0; other < M && others !== undefined; other++) {
      if (otherNearTo[other] !== -1) continue;
      if (other % 64 === 0) await request.pause?.(band * N + N - 1, bands * N);
      const sketch = others.at(other);
      otherNearTo[other] = nearest(
        sketch,
        slotOf(sketch),
        (row) => compare.other(other, row),
      );
    }
  }
  return { nearTo, otherNearTo };
}

function equalWithin(
  a: Uint8Array,
  b: Uint8Array,
  from: number,
  to: number,
): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Says whether rows are near: by their sketches where these are far apart, else by their texts. */
function comparer(request: NearRequest) {
  const { sketches, others, similarity } = request;
  const kept = new Map<string, Uint32Array>();
  const shingles = (key: string, text: () => string): Uint32Array => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = shinglesOf(comparable(text()));
    if (kept.size >= KEPT_TEXTS) {
      const [oldest] = kept.keys();
      kept.delete(oldest);
    }
    kept.set(key, made);
    return made;
  };
  const ofRow = (row: number) => shingles(`${row}`, () => request.textOf(row));
  // 4 standard errors below; equal bytes of unequal bins only raise the guess
  const error = Math.sqrt(similarity * (1 - similarity) / SKETCH_BINS);
  const enough = Math.floor(SKETCH_BINS * (similarity - 4 * error));
  const mayBe = (a: Uint8Array, b: Uint8Array): boolean => {
    let equal = 0;
    for (let i = 0; i < SKETCH_BINS; i++) if (a[i] === b[i]) equal++;
    return equal >= enough;
  };
  return {
    rows: (row: number, earlier: number): boolean =>
      mayBe(sketches.at(row), sketches.at(earlier)) &&
      similarityOf(ofRow(row), ofRow(earlier)) >= similarity,
    other: (other: number, row: number): boolean =>
      others !== undefined && mayBe(others.at(other), sketches.at(row)) &&
      similarityOf(
          shingles(`o${other}`, () => request.otherTextOf?.(other) ?? ""),
          ofRow(row),
        ) >= similarity,
  };
}
