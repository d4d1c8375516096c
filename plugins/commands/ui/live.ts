/**
 * What a page does not know yet: changed runs of the list, and new steps and events of the run that it looks at.
 * @module
 */
import type { RunStore } from "./run_store.ts";

/** Steps that are sent at once; a page that lacks more draws the curves anew. */
const MOST_STEPS = 500;

/** A server-sent event. */
export interface News {
  readonly event: "runs" | "steps" | "entries" | "reset";
  readonly data: unknown;
}

/** What a page has read of a run by itself. */
export interface Known {
  /** The run that it looks at; null: the list. */
  readonly name: string | null;
  /** Version of the log, logged steps and other events. */
  readonly version: number;
  readonly steps: number;
  readonly entries: number;
}

/** What one page has been sent. */
export class LiveCursor {
  readonly #store: RunStore;
  readonly #name: string | null;
  /** Summaries as text, by name. */
  #sent = new Map<string, string>();
  #version: number;
  #steps: number;
  #entries: number;

  /** Starts behind what the page knows. */
  constructor(store: RunStore, known: Known) {
    this.#store = store;
    this.#name = known.name;
    this.#version = known.version;
    this.#steps = known.steps;
    this.#entries = known.entries;
  }

  /** What is new since the last call. */
  async news(): Promise<News[]> {
    return [...await this.#list(), ...this.#ofRun()];
  }

  async #list(): Promise<News[]> {
    const all = await this.#store.summaries();
    const changed = all.filter((summary) => {
      const text = JSON.stringify(summary);
      const isNew = this.#sent.get(summary.name) !== text;
      this.#sent.set(summary.name, text);
      return isNew;
    });
    const names = new Set(all.map(({ name }) => name));
    const gone = [...this.#sent.keys()].filter((name) => !names.has(name));
    for (const name of gone) this.#sent.delete(name);
    if (changed.length === 0 && gone.length === 0) return [];
    return [{ event: "runs", data: { changed, gone } }];
  }

  #ofRun(): News[] {
    const run = this.#name === null ? undefined : this.#store.get(this.#name);
    if (run === undefined) return [];
    const { log } = run;
    const count = log.steps.length;
    const isOther = this.#version !== log.version || count < this.#steps ||
      log.entryCount < this.#entries;
    if (isOther || count - this.#steps > MOST_STEPS) {
      this.#version = log.version;
      this.#steps = count;
      this.#entries = log.entryCount;
      return [{ event: "reset", data: {} }]; // the page reads all of it again
    }
    const news: News[] = [];
    if (count > this.#steps) {
      const indices = Array.from(
        { length: count - this.#steps },
        (_, i) => this.#steps + i,
      );
      news.push({
        event: "steps",
        data: {
          first: this.#steps,
          steps: indices.map((i) => log.steps.at(i)),
          columns: Object.fromEntries(
            log.columns.map((name) => [
              name,
              indices.map((i) => finite(log.column(name)?.at(i) ?? NaN)),
            ]),
          ),
        },
      });
    }
    this.#steps = count;
    if (log.entryCount > this.#entries) {
      news.push({
        event: "entries",
        data: log.entries({ from: this.#entries }),
      });
      this.#entries = log.entryCount;
    }
    return news;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
