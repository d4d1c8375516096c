/**
 * @module
 */
import type { Tracker, TrackerEvent } from "../contracts/tracker.ts";

/** A tracker that hands every event to a function: for callers of the library. */
export function callbackTracker(
  onEvent: (event: TrackerEvent) => void,
): Tracker {
  return { start: () => {}, event: onEvent, close: () => {} };
}
