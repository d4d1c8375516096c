/**
 * Keeps the host close to the device: work is enqueued ahead, but never so far that an interrupt would
 * have to wait for it.
 * @module
 */

/** Seconds of work that may be enqueued beyond what runs. */
const AHEAD_SECONDS = 0.5;
const MOST_STEPS_AHEAD = 16;

/** Waits now and then for what was enqueued earlier. */
export interface Throttle {
  /** Call after each step is enqueued. */
  step(): Promise<void>;
  /** Throws the error of the last wait: a device reports an error once. Call before anything else is read. */
  check(): Promise<void>;
}

/** A throttle over a device's `idle`. `now` gives seconds. */
export function makeThrottle(
  idle: () => Promise<void>,
  now: () => number,
): Throttle {
  let mark: Promise<void> | null = null;
  let sinceMark = 0;
  let interval = 1;
  let markedAt = now();
  return {
    async step() {
      if (++sinceMark < interval) return;
      await mark;
      const seconds = (now() - markedAt) / sinceMark;
      markedAt = now();
      interval = Math.max(
        1,
        Math.min(
          MOST_STEPS_AHEAD,
          Math.floor(AHEAD_SECONDS / Math.max(seconds, 1e-6)),
        ),
      );
      sinceMark = 0;
      mark = idle();
      mark.catch(() => {}); // thrown by the next `step` or `check`
    },
    async check() {
      await mark;
    },
  };
}
