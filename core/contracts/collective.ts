/**
 * A collective joins processes that train together: each computes some micro-batches of a step, and gradients and
 * loss sums are added up before the update. `single` is one process, `mpi` calls an installed MPI library; others
 * bring an existing engine too, never a protocol of our own.
 *
 * ```text
 * rank 0   micro 0, micro 2 ─┐                    ┌─ update
 *                            ├─ sum (gradients) ──┤         the same numbers, to the bit
 * rank 1   micro 1, micro 3 ─┘                    └─ update
 * ```
 *
 * All ranks make the same calls in the same order, with arrays of the same length.
 * @module
 */

/** What is summed, where that matters. */
export interface SumOptions {
  /** Gradients, which a collective may send with fewer bits; absent: numbers that keep all of theirs. */
  readonly gradients?: boolean;
  /** This process computes meanwhile: whoever waits leaves the processor to it, and may take longer; absent: no. */
  readonly computes?: boolean;
}

/** A call of a rehearsal: what one rank would send, and when. */
export interface RehearsedCall {
  /** When the call came, milliseconds of `performance.now`. */
  readonly at: number;
  /** Seconds that this process worked for it. */
  readonly busy: number;
  /** What this rank would send. */
  readonly bytes: number;
  /** Messages that follow on one another, each of which takes the network's latency. */
  readonly messages: number;
}

/** Rank 0 of a world that is not there: the calls do the work of this process, and send nothing. */
export interface Rehearsal {
  /** What sums and gathers; the numbers of other ranks are this one's. */
  readonly collective: Collective;
  /** All calls so far, in order. */
  readonly calls: readonly RehearsedCall[];
}

/** Several processes that train together. */
export interface Collective {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly world: number;
  /** Whether each rank keeps the optimizer states of its share alone (ZeRO-1); absent: all ranks keep all. */
  readonly shardsOptimizer?: boolean;
  /** Rejects with `DeviceError` when another rank has failed, ended or hangs; absent: nobody watches. */
  readonly lost?: Promise<never>;
  /** How many sums may be called before the first has ended, in the same order on all ranks; absent: one. */
  readonly sumsAtOnce?: number;
  /** Sums an array over all processes, in place. All get the same bits; a NaN of one is a NaN of all. */
  sum(values: Float32Array, options?: SumOptions): Promise<void>;
  /**
   * Sums an array (N) over all processes, and gives each its share (N / world) of the result, by rank. Throws
   * `RangeError` where N is no multiple of the world.
   */
  reduceScatter(values: Float32Array): Promise<Float32Array>;
  /** The shares (N) of all processes, one behind the other by rank (N * world). */
  allGather(share: Float32Array): Promise<Float32Array>;
  /** Gives all processes the array of one of them, in place. */
  broadcast(values: Float32Array, root: number): Promise<void>;
  /**
   * A world of so many ranks to measure a step with before there is one, on links of so many bits a second (absent:
   * nobody asked); absent: nothing is known of its cost.
   */
  rehearse?(
    world: number,
    network?: { readonly bitsPerSecond: number },
  ): Rehearsal;
  /** What joins processes here, for people: `Open MPI 4.1.4`. Throws where there is nothing. */
  describe?(): Promise<string>;
  /** Reports to the other ranks that this one has failed, as well as that can be done; their `lost` rejects. */
  fail?(message: string): Promise<void>;
  /** Ends it, once all ranks have called it. */
  close?(): Promise<void>;
}
