/**
 * Where the workers must meet. Launches between two barriers run in any order, so they must not touch what another
 * of them writes. A launch is moved up to an earlier interval where it may run there: fewer barriers, and a worker
 * that is early finds more to do.
 *
 * ```text
 * dX = dY W | partial sums of db | db | dW = ...      four barriers, as the plan has them
 * dX, partial sums of db, dW | db                     two: dW needs nothing of the others
 * ```
 * @module
 */
import { LAUNCHES_WITHOUT_BARRIER } from "./layout.ts";

/** Bytes of memory, from and to. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The memory that a launch reads and writes. */
export interface Touched {
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
  /** Launches of the same object here write elements of their own, whatever their spans are; null: of none. */
  readonly apart: object | null;
}

/** Intervals by which a launch is moved up at most: what it reads should still be near the core. */
const MOST_INTERVALS = 3;

/** The launches of a segment, by their numbers, in the order in which they run; a barrier before each interval. */
export function intervalsOf(launches: readonly Touched[]): number[][] {
  const intervals: number[][] = [];
  for (const [number, launch] of launches.entries()) {
    const isFree = (interval: readonly number[]) =>
      interval.every((other) => !conflicts(launch, launches[other]));
    const hasRoom = (interval: readonly number[]) =>
      interval.length < LAUNCHES_WITHOUT_BARRIER;
    let chosen: number[] | null = null;
    for (let back = 1; back <= MOST_INTERVALS; back++) {
      const interval = intervals.at(-back);
      if (interval === undefined || !isFree(interval)) break;
      if (hasRoom(interval)) chosen = interval;
    }
    if (chosen === null) intervals.push([number]);
    else chosen.push(number);
  }
  return intervals;
}

function conflicts(a: Touched, b: Touched): boolean {
  if (a.apart !== null && a.apart === b.apart) return false;
  return overlap(a.reads, b.writes) || overlap(a.writes, b.writes) ||
    overlap(a.writes, b.reads);
}

function overlap(a: readonly Span[], b: readonly Span[]): boolean {
  return a.some((x) => b.some((y) => x.from < y.to && y.from < x.to));
}
