/**
 * Hands events to the trackers of a run, with the place in the run filled in. A tracker that fails is named once and
 * told nothing more: the run goes on.
 * @module
 */
import type {
  Tracker,
  TrackerContext,
  TrackerEvent,
} from "../contracts/tracker.ts";
import { messageOf } from "../config/parse/problem.ts";

/** An event without its place, which the run knows. */
export type NewEvent = TrackerEvent extends infer E
  ? E extends TrackerEvent ? Omit<E, "step" | "epoch" | "time"> : never
  : never;

/** A tracker, and who it is. */
export interface NamedTracker {
  readonly tracker: Tracker;
  /** The part and its plugin, in messages; null: a function of the program that runs this, whose errors are its own. */
  readonly described: string | null;
}

/** Tells trackers what happens. */
export class Events {
  #trackers: readonly NamedTracker[];
  readonly #now: () => number;
  readonly #began: number;
  #held: TrackerEvent[] = [];
  #started = false;
  #place: { step: number; epoch: number } = { step: 0, epoch: 0 };

  constructor(trackers: readonly NamedTracker[], now: () => number) {
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
    for (const named of this.#trackers) {
      try {
        await named.tracker.start(context);
      } catch (error) {
        this.#leave(named, "start", error);
      }
    }
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
      this.#each("preparing", (tracker) => tracker.preparing?.(placed));
    } else this.#held.push(placed);
  }

  /** Says something once. */
  notice(message: string, level: "info" | "warning" = "info"): void {
    this.emit({ event: "notice", level, message });
  }

  /** Ends all trackers; held events are told first. */
  async close(): Promise<void> {
    while (this.#trackers.length > 0) {
      const [named, ...others] = this.#trackers;
      this.#trackers = others;
      try {
        await named.tracker.close();
      } catch (error) {
        this.#leave(named, "close", error);
      }
    }
  }

  #tell(event: TrackerEvent): void {
    this.#each("event", (tracker) => tracker.event(event));
  }

  #each(method: string, call: (tracker: Tracker) => void): void {
    for (const named of this.#trackers) {
      // one that failed since is told nothing more
      if (!this.#trackers.includes(named)) continue;
      try {
        call(named.tracker);
      } catch (error) {
        this.#leave(named, method, error);
      }
    }
  }

  /** Goes on without a tracker that failed, and tells the others. */
  #leave(named: NamedTracker, method: string, error: unknown): void {
    if (named.described === null) throw error;
    this.#trackers = this.#trackers.filter((other) => other !== named);
    this.notice(
      `\`${method}\` of the ${named.described} threw: ${
        messageOf(error)
      }. It is told nothing more; the run goes on`,
      "warning",
    );
  }
}
