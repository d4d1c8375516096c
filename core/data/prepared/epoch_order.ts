/**
 * The order of examples in an epoch: a function of (seed, epoch) alone.
 *
 * Without weights, all examples once, shuffled. With weights, sources are interleaved so that every
 * stretch has nearly its share of each, and every example of a source is drawn before any comes again,
 * across epochs too:
 *
 * ```text
 * a 0.5, b 0.25, c 0.25:   a b a c | a c a b | ...     the j-th draw of a source falls in its j-th stratum
 * ```
 * The order of an epoch is laid out when its first step is asked for, 4 bytes an example; any step of it is
 * then found at once, so a resumed run does not go through what was before.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import { hash32, mix32, shuffledIndices } from "../../random.ts";
import type { SourceCounts } from "../statistics.ts";
import type { Stopping, WeightBy } from "../types.ts";

/** What the order depends on. */
export interface OrderRequest {
  /** Examples of each source; source k's examples follow those of source k - 1. */
  readonly counts: readonly number[];
  /** Share of each source in the examples drawn, adding to 1; null: as many as there are. */
  readonly shares: readonly number[] | null;
  /**
   * Passes over each source in an epoch; null (of a source, or of all) where nothing is said. Without
   * shares exactly so many, else at most.
   */
  readonly passes?: readonly (number | null)[] | null;
  /** When an epoch of several sources ends. */
  readonly stopping: Stopping;
  /** Whether rows are drawn at random. */
  readonly shuffle: boolean;
  /** The run's seed. */
  readonly seed: number;
  /** Which epoch, counted from 0. */
  readonly epoch: number;
}

/**
 * Shares of the sources in the examples drawn: null where no weight is given. Weights by `tokens` are shares
 * of the trained tokens: divided by those of an average example. Throws `ConfigError` where only some have a
 * weight.
 */
export function sharesOf(
  sources: readonly { name: string; weight?: number | null }[],
  counts: readonly SourceCounts[] | null = null,
  weightBy: WeightBy = "rows",
): number[] | null {
  const weights = sources.map((source) => source.weight ?? null);
  const missing = sources.filter((_, k) => weights[k] === null);
  if (missing.length === sources.length) return null;
  if (missing.length > 0) {
    throw new ConfigError(
      `Some data sources have a weight, and ${
        missing.map((s) => `"${s.name}"`).join(", ")
      } has none; give every source a weight, or none`,
    );
  }
  const given = weights.map((weight) => weight ?? 0);
  for (const [k, weight] of given.entries()) {
    if (!(weight > 0 && weight < Infinity)) {
      throw new ConfigError(
        `The weight of the data source "${
          sources[k].name
        }" is ${weight}; it must be above 0`,
      );
    }
  }
  const shares = counts === null || weightBy === "rows"
    ? given
    : given.map((weight, k) =>
      weight * counts[k].examples / counts[k].trainedTokens
    );
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

/** Draws from each source in one epoch. */
export function drawsOf(
  { counts, shares, stopping, passes }: Pick<
    OrderRequest,
    "counts" | "shares" | "stopping" | "passes"
  >,
): number[] {
  const slack = 1e-6; // shares such as 0.1 are not exact in binary
  const limits = counts.map((count, k) => {
    const limit = passes?.[k] ?? null;
    return limit === null
      ? null
      : Math.max(1, Math.floor(count * limit + slack));
  });
  if (shares === null) {
    return counts.map((count, k) => count === 0 ? 0 : limits[k] ?? count);
  }
  const used = counts.map((count, k) => limits[k] ?? count); // draws that exhaust source k
  const epochs = used.map((draws, k) => draws / shares[k]); // rows of an epoch that exhausts source k
  const total = stopping === "first_exhausted"
    ? Math.min(...epochs)
    : Math.max(...epochs);
  if (total > 2 ** 31) {
    throw new ConfigError(
      `An epoch over these weights would have ${
        Math.round(total)
      } rows; weigh small sources less, or stop at first_exhausted`,
    );
  }
  return counts.map((count, k) => {
    if (count === 0) return 0;
    const draws = total * shares[k];
    return stopping === "first_exhausted"
      ? Math.max(1, Math.min(used[k], Math.floor(draws + slack)))
      : Math.max(
        1,
        Math.min(limits[k] ?? Infinity, Math.ceil(draws - slack)),
      );
  });
}

/**
 * Mixes sources so that every stretch has nearly its share of each: the j-th draw of a source falls at a
 * random place of its j-th stratum.
 */
export class Interleaver {
  readonly #weights: readonly number[];
  readonly #keys: readonly number[] | null;
  readonly #taken: number[];
  readonly #places: number[];

  /** Weights are draws, or shares: only their ratios count. A source with weight 0 is never drawn. */
  constructor(
    weights: readonly number[],
    { shuffle, seed, epoch }: {
      readonly shuffle: boolean;
      readonly seed: number;
      readonly epoch: number;
    },
  ) {
    this.#weights = weights;
    this.#keys = shuffle
      ? weights.map((_, k) => hash32(seed, epoch, k, 0x6d6978))
      : null;
    this.#taken = weights.map(() => 0);
    this.#places = weights.map((weight, k) =>
      weight > 0 ? this.#place(k) : Infinity
    );
  }

  /** The source that is drawn next. */
  next(): number {
    let chosen = 0;
    for (let k = 1; k < this.#places.length; k++) {
      if (this.#places[k] < this.#places[chosen]) chosen = k;
    }
    return chosen;
  }

  /** Counts a draw; returns how many there were before. */
  took(source: number): number {
    const before = this.#taken[source]++;
    this.#places[source] = this.#place(source);
    return before;
  }

  /** Draws from a source no more. */
  end(source: number): void {
    this.#places[source] = Infinity;
  }

  #place(k: number): number {
    const taken = this.#taken[k];
    const jitter = this.#keys === null
      ? 0.5
      : mix32((this.#keys[k] + Math.imul(taken, 0x9e3779b9)) | 0) / 4294967296;
    return (taken + jitter) / this.#weights[k];
  }
}

/** Indices of examples in the epoch's order. */
export function epochOrder(request: OrderRequest): Uint32Array {
  const { counts, shares, passes, shuffle, seed, epoch } = request;
  const isRepeated = passes?.some((limit) => limit !== null) ?? false;
  if (shares === null && !isRepeated) {
    const n = counts.reduce((a, b) => a + b, 0);
    return shuffle
      ? shuffledIndices(n, seed, epoch)
      : Uint32Array.from({ length: n }, (_, i) => i);
  }
  const isInLine = shares === null && !shuffle; // one source after the other
  const draws = drawsOf(request);
  const total = draws.reduce((a, b) => a + b, 0);
  const mixed = isInLine ? null : new Interleaver(draws, request);
  const sources = counts.map((count, k) => ({
    start: counts.slice(0, k).reduce((a, b) => a + b, 0),
    count,
    before: epoch * draws[k], // an epoch continues where the one before it ended
    pass: -1,
    within: shuffledIndices(0),
  }));
  const order = new Uint32Array(total);
  let k = 0;
  let taken = 0;
  for (let i = 0; i < total; i++) {
    if (mixed === null) {
      while (taken === draws[k]) {
        k++;
        taken = 0;
      }
    } else k = mixed.next();
    const at = mixed === null ? taken++ : mixed.took(k);
    if (mixed !== null && at + 1 === draws[k]) mixed.end(k);
    const source = sources[k];
    const { count, before } = source;
    const pass = Math.floor((before + at) / count);
    if (pass !== source.pass) {
      source.pass = pass;
      source.within = shuffle
        ? shuffledIndices(count, seed, k, pass)
        : Uint32Array.from({ length: count }, (_, j) => j);
    }
    order[i] = source.start + source.within[(before + at) % count];
  }
  return order;
}
