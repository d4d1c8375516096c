/**
 * The ring: a row a step, in which losses and norms stay on the device until the host reads them.
 *
 * ```text
 * loss sum | correct sum | gradient norm | finite | loss sum of each source | sum, weight of each metric
 * ```
 * @module
 */

/** Slots of the ring: how many steps may pass before the host reads. */
export const RING_SLOTS = 256;

/** Columns of the ring before those of the sources: loss sum, correct sum, gradient norm, finite. */
export const RING_FIXED = 4;

/** Columns of the ring: the fixed ones, the loss of each source, sum and weight of each metric. */
export function ringColumns(sources: number, metrics: number): number {
  return RING_FIXED + sources + 2 * metrics;
}

/** What one optimizer step gave, read from the ring. */
export interface StepResult {
  /** Sum of weighted losses, natural logarithm. */
  readonly lossSum: number;
  readonly correctSum: number;
  /** Norm before clipping. */
  readonly gradNorm: number;
  /** False: the norm was not finite and the update was left out. */
  readonly finite: boolean;
  readonly sourceLossSums: readonly number[];
  /** What the loss measures, by name: its sum and what it is divided by. */
  readonly metrics: Readonly<Record<string, MetricSums>>;
}

/** A metric, added up. */
export interface MetricSums {
  readonly sum: number;
  readonly weight: number;
}

/** What a row of the ring says. */
export function resultAt(
  ring: Float32Array,
  slot: number,
  { sources, metrics }: {
    readonly sources: number;
    readonly metrics: readonly string[];
  },
): StepResult {
  const columns = ringColumns(sources, metrics.length);
  const row = ring.subarray(slot * columns, (slot + 1) * columns);
  return {
    lossSum: row[0],
    correctSum: row[1],
    gradNorm: row[2],
    finite: row[3] !== 0,
    sourceLossSums: [...row.subarray(RING_FIXED, RING_FIXED + sources)],
    metrics: Object.fromEntries(metrics.map((name, k) => {
      const at = RING_FIXED + sources + 2 * k;
      return [name, { sum: row[at], weight: row[at + 1] }];
    })),
  };
}
