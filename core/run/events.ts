/**
 * Passes events to the trackers of a run, with the place in the run filled in. A tracker that fails is reported once
 * and receives no more events: the run continues.
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

/** Seconds that a tracker may take to start, and to close. */
const MOST_SECONDS = 30;

/** A tracker and its name in messages. */
export interface NamedTracker {
  readonly tracker: Tracker;
  /** The part and its plugin, in messages; null: a function of the program that runs this, whose errors are its own. */
  readonly described: string | null;
}

/** Passes events to trackers. */
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

  /** Starts the trackers, and passes them the events held so far. */
  async start(context: TrackerContext): Promise<void> {
    for (const named of this.#trackers) {
      try {
        await inTime(named.tracker.start(context));
      } catch (error) {
        this.#leave(named, "start", error);
      }
    }
    this.#started = true;
    for (const event of this.#held) this.#send(event);
    this.#held = [];
  }

  /** Passes an event to all trackers. Before `start` events are held, except progress, which is useful only live. */
  emit(event: NewEvent): void {
    const placed = {
      ...event,
      ...this.#place,
      time: this.seconds,
    } as TrackerEvent;
    if (this.#started) this.#send(placed);
    else if (placed.event === "progress") {
      this.#each("preparing", (tracker) => tracker.preparing?.(placed));
    } else this.#held.push(placed);
  }

  /** Says at once what is waited for: before the start, notices are held. */
  waiting(what: string): void {
    this.emit({ event: "progress", task: what, done: 0, total: 0 });
  }

  /** Says something once. */
  notice(message: string, level: "info" | "warning" = "info"): void {
    this.emit({ event: "notice", level, message });
  }

  /** Closes all trackers, those that people watch last: they show what the others could not finish. */
  async close(): Promise<void> {
    while (this.#trackers.length > 0) {
      const named = this.#trackers.find(({ tracker }) =>
        tracker.watched !== true
      ) ??
        this.#trackers[0];
      this.#trackers = this.#trackers.filter((other) => other !== named);
      try {
        await inTime(named.tracker.close());
      } catch (error) {
        this.#leave(named, "close", error);
      }
    }
  }

  #send(event: TrackerEvent): void {
    this.#each("event", (tracker) => tracker.event(event));
  }

  #each(method: string, call: (tracker: Tracker) => unknown): void {
    for (const named of this.#trackers) {
      // a tracker that failed since receives no more events
      if (!this.#trackers.includes(named)) continue;
      try {
        // nobody waits for what a tracker still does, but what it throws is heard
        const doing = call(named.tracker);
        if (doing instanceof Promise) {
          doing.catch((error) => this.#leave(named, method, error));
        }
      } catch (error) {
        this.#leave(named, method, error);
      }
    }
  }

  /** Drops a tracker that failed, and reports it to the others. */
  #leave(named: NamedTracker, method: string, error: unknown): void {
    if (named.described === null) throw error;
    if (!this.#trackers.includes(named) && method === "event") return; // it is out already
    this.#trackers = this.#trackers.filter((other) => other !== named);
    const said = messageOf(error);
    this.notice(
      `${
        said.includes(named.described)
          ? said
          : `\`${method}\` of the ${named.described} threw: ${said}`
      }. It gets no more events; the run continues`,
      "warning",
    );
  }
}

/** Waits for a tracker, not for ever: it must not hold up the run. */
async function inTime(work: void | Promise<void>): Promise<void> {
  if (work === undefined) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`it did not end within ${MOST_SECONDS} s`)),
      MOST_SECONDS * 1000,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
