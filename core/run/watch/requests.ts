/**
 * What people ask of a run while it trains: files that they, or the page of `denotune ui`, put into its folder. Files
 * work for whoever may write there, over any connection, and name no process that could be another one by now.
 *
 * | file                  | asks                                                                  |
 * | --------------------- | --------------------------------------------------------------------- |
 * | `stop.request`        | to stop after this step and save, as Ctrl-C does; it is taken away     |
 * | `sample_prompts.json` | for answers to these prompts, now and wherever samples are configured |
 * @module
 */
import { join } from "node:path";
import { readTextUpTo } from "../../io/read_file.ts";

/** Asks a run to stop and save. */
export const STOP_FILE = "stop.request";
/** Prompts in place of `samples.prompts`: a list of texts. */
export const PROMPTS_FILE = "sample_prompts.json";

/** Milliseconds between two looks. */
const EVERY_MS = 500;
const MOST_BYTES = 2 ** 20;
/** Prompts that are answered at most. */
const MOST_PROMPTS = 64;

/** Looks for requests, until it is disposed of. */
export class RunRequests implements Disposable {
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #promptsChanged: number | null;
  #asksNow = false;

  /** Starts to look. A stop that was asked of an earlier run of the folder is forgotten. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#promptsChanged = this.#changedAt(PROMPTS_FILE);
    this.#takeStop();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Aborted when somebody asked the run to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The prompts that were asked for; null where there are none, or the file holds none. */
  prompts(): readonly string[] | null {
    try {
      const text = readTextUpTo(join(this.#folder, PROMPTS_FILE), MOST_BYTES);
      const found: unknown = JSON.parse(text);
      if (!Array.isArray(found)) return null;
      const prompts = found.filter((one) =>
        typeof one === "string" && one.trim() !== ""
      );
      return prompts.length === 0 ? null : prompts.slice(0, MOST_PROMPTS);
    } catch {
      return null; // not there, or half written
    }
  }

  /** Whether prompts were changed since the last call, so that they want an answer now. */
  takeAsked(): boolean {
    const asks = this.#asksNow;
    this.#asksNow = false;
    return asks;
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#takeStop() && !this.#stop.signal.aborted) this.#stop.abort();
    const changed = this.#changedAt(PROMPTS_FILE);
    if (changed !== this.#promptsChanged && changed !== null) {
      this.#asksNow = true;
    }
    this.#promptsChanged = changed;
  }

  #takeStop(): boolean {
    try {
      Deno.removeSync(join(this.#folder, STOP_FILE));
      return true;
    } catch {
      return false;
    }
  }

  #changedAt(name: string): number | null {
    try {
      return Deno.statSync(join(this.#folder, name)).mtime?.getTime() ?? null;
    } catch {
      return null;
    }
  }
}
