/**
 * A collective sums gradient arenas, loss sums and divisors over processes, between accumulation and
 * update. `single` is the built-in; others bring an existing engine, never a protocol of our own.
 * @module
 */

/** Several processes that train together. */
export interface Collective {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly world: number;
  /** Sums the array over all processes, in place. */
  sum(values: Float32Array): Promise<void>;
}
