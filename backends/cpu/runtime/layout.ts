/**
 * The first page of the shared memory: messages between workers. Cells that different workers write have
 * cache lines of their own.
 * @module
 */

/** Most workers that a device has. */
export const MAX_WORKERS = 64;

/** Indices of 32-bit cells. */
export const CELL = {
  /** Counts the commands of worker 0; the others sleep on it. */
  sequence: 0,
  /** The last command: {@linkcode COMMAND}. */
  command: 1,
  /** Which program to run. */
  program: 2,
  /** Number of the barrier at which a failed run is left, or 0. */
  abort: 16,
  /** Workers that have arrived at the barrier. */
  arrived: 32,
  /** Barriers passed. */
  generation: 48,
  /** Workers asleep at the barrier. */
  asleep: 64,
  /** A counter of pieces with none left to take. */
  exhausted: 80,
} as const;

/** The commands of worker 0 to the others. */
export const COMMAND = {
  /** Run a program. */
  run: 1,
  /** Go back to the event loop: a message is coming. */
  listen: 2,
  /** End. */
  quit: 3,
} as const;

/** Offset of the extents of a run: float64, in the order of the program's names. */
export const EXTENTS_AT = 1024;
/** Most named dimensions of a program. */
export const MAX_NAMES = 64;

/** Offset of the counters of pieces: a launch has one for each worker's share; launches use them in rotation. */
export const COUNTERS_AT = 4096;
/** Launches whose counters are there, a power of two. */
export const COUNTERS = 64;
/** Bytes of a launch's counters. */
export const COUNTER_BYTES = 4 * MAX_WORKERS;
/** Launches that may pass without a barrier, so that no counter is reset while it is used. */
export const LAUNCHES_WITHOUT_BARRIER = 16;

/** Where workers leave the message of an error: length, then UTF-8. */
export const ERRORS_AT = COUNTERS_AT + COUNTERS * COUNTER_BYTES;
/** Bytes of one worker's error. */
export const ERROR_BYTES = 512;

/** Where buffers begin. */
export const HEAP_AT = 65536;
