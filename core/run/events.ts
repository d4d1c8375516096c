/**
 * Hands events to the trackers of a run, with the place in the run filled in.
 * @module
 */
import type {
  Tracker,
  TrackerContext,
  TrackerEvent,
} from "../contracts/tracker.ts";

/** An event without its place, which the run knows. */
export type NewEvent = TrackerEvent extends infer E
  ? E extends TrackerEvent ? Omit<E, "step" | "epoch" | "time"> : never
  : never;

/** Tells trackers what happens. */
export class Events {
  readonly #trackers: readonly Tracker[];
  readonly #now: () => number;
  readonly #began: number;
  #held: TrackerEvent[] = [];
  #started = false;
  #place: { step: number; epoch: number } = { step: 0, epoch: 0 };

  constructor(trackers: readonly Tracker[], now: () => number) {
    this.#trackers = trackers;
    this.#now = now;
    this.#began = now();
  }

  /** Seconds since the run began. */
  get seconds(): number {
    return this.#now() - this.#began;
  }

  /** Where the run is; part of all events that follow. */
  moveTo(place: { step: number; epoch: number }): void {
    this.#place = place;
  }

  /** Starts the trackers; what was said before is told now. */
  async start(context: TrackerContext): Promise<void> {
    for (const tracker of this.#trackers) await tracker.start(context);
    this.#started = true;
    for (const event of this.#held) this.#tell(event);
    this.#held = [];
  }

  /** Tells an event; before `start` it is held, progress apart, which is of use only at once. */
  emit(event: NewEvent): void {
    const placed = {
      ...event,
      ...this.#place,
      time: this.seconds,
    } as TrackerEvent;
    if (this.#started) this.#tell(placed);
    else if (placed.event === "progress") {
      for (const tracker of this.#trackers) tracker.preparing?.(placed);
    } else this.#held.push(placed);
  }

  /** Says something once. */
  notice(message: string, level: "info" | "warning" = "info"): void {
    this.emit({ event: "notice", level, message });
  }

  /** Ends all trackers; held events are told first. */
  async close(): Promise<void> {
    for (const tracker of this.#trackers) await tracker.close();
  }

  #tell(event: TrackerEvent): void {
    for (const tracker of this.#trackers) tracker.event(event);
  }
}
