/**
 * What a request to the Hub, or the download of one file, may cost in all: tries, time and bytes. A server that cuts
 * every answer, or says nothing, ends the download with one message instead of hundreds of requests.
 *
 * ```text
 *                 resets the count of tries      resets the clock
 * new bytes       1% of the file, or 16 MiB      64 KiB, or the rest of the file
 * ```
 *
 * Bytes are new above the most that was ever there: what a server without ranges sends again is no progress.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DeviceError } from "../../contracts/errors.ts";
import { showBytes } from "../../show_numbers.ts";
import type { HubAccess } from "./access.ts";
import { Passing } from "./failures.ts";

/** New bytes that make a try count as progress, at most. */
const TRY_BYTES = 16 * 2 ** 20;
/** The same as a share of the file. */
const TRY_SHARE = 0.01;
/** New bytes for which the clock starts anew: a slow line is no silent one. */
const CLOCK_BYTES = 64 * 2 ** 10;
/** Tries in all, for each that may fail in a row; a large file has some for each 16 MiB. */
const TRIES_IN_ALL = 8;
/** Bytes that may arrive in all, as a multiple of the file. */
const BYTES_IN_ALL = 3;
const LONGEST_BACKOFF_MS = 60_000;

/** The budget of one file, or of one request. */
export class Budget {
  readonly #what: string;
  readonly #access: HubAccess;
  /** Bytes of the file; null: not known. */
  readonly #size: number | null;
  readonly #began = performance.now();
  #deadline: number;
  #tries = 0;
  #failures = 0;
  #received = 0;
  /** Bytes there now. */
  #done = 0;
  /** The most bytes that ever were there. */
  #most = 0;
  #mostAtTry = 0;
  #mostAtClock = 0;

  /** `what`, as in `download owner/name/file`. */
  constructor(what: string, access: HubAccess, size: number | null = null) {
    this.#what = what;
    this.#access = access;
    this.#size = size;
    this.#deadline = this.#began + access.patienceMs;
  }

  /** Milliseconds that an answer may be silent: as long as a connection may be, but not beyond the budget. */
  get silenceMs(): number {
    const left = this.#deadline - performance.now();
    return Math.max(1, Math.min(this.#access.stallMs, left));
  }

  /** Begins a try. */
  begin(): void {
    this.#tries++;
  }

  /** Says how many bytes of the file are there, and how many of them have just arrived. */
  arrived(done: number, received: number): void {
    this.#received += received;
    this.#done = done;
    if (done <= this.#most) return;
    this.#most = done;
    const isWhole = done === this.#size;
    const step = Math.min(TRY_BYTES, TRY_SHARE * (this.#size ?? 0));
    if (isWhole || done - this.#mostAtTry >= step) {
      this.#mostAtTry = done;
      this.#failures = 0;
    }
    if (isWhole || done - this.#mostAtClock >= CLOCK_BYTES) {
      this.#mostAtClock = done;
      this.#deadline = performance.now() + this.#access.patienceMs;
    }
  }

  /** Throws {@linkcode Passing} where the time is up though something still arrives. */
  check(): void {
    if (performance.now() < this.#deadline) return;
    throw new Passing(`sent ${this.#received} bytes, too slowly`);
  }

  /** The whole file is fetched once more, because what arrived was not it. */
  again(): void {
    this.#most =
      this.#mostAtTry =
      this.#mostAtClock =
      this.#received =
        0;
    this.#deadline = performance.now() + this.#access.patienceMs;
  }

  /** Counts a failed try and waits for the next. Throws `DeviceError` where there is none. */
  async wait(failure: Passing): Promise<void> {
    const access = this.#access;
    this.#failures++;
    const why = this.#exhausted();
    if (why !== null) throw this.#givenUp(why, failure);
    // half of the wait is drawn, so that many programs do not come back at once
    const backoff = access.backoffMs * 2 ** (this.#failures - 1);
    const jitter = crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
    const wait = failure.waitMs ??
      Math.min(backoff * (0.5 + 0.5 * jitter), LONGEST_BACKOFF_MS);
    if (wait > access.maxWaitMs) {
      throw new DeviceError(
        `Cannot ${this.#what} from ${access.endpoint}: it asks to come back in ${
          Math.ceil(wait / 1000)
        } s (${failure.message}); try again then`,
        { cause: failure },
      );
    }
    if (failure.waitMs !== null) this.#deadline += wait;
    else if (performance.now() + wait >= this.#deadline) {
      // no time would be left for another try
      throw this.#givenUp(this.#outOfTime(), failure);
    }
    try {
      await sleep(wait, undefined, { signal: access.signal });
    } catch (aborted) {
      throw access.signal?.aborted ? access.signal.reason : aborted;
    }
  }

  #outOfTime(): string {
    const seconds = Math.ceil(this.#access.patienceMs / 1000);
    return `${seconds} s without progress`;
  }

  /** What is used up; null: nothing. */
  #exhausted(): string | null {
    const { attempts } = this.#access;
    if (this.#failures >= attempts) {
      return `${attempts} tries without progress`;
    }
    if (performance.now() >= this.#deadline) {
      return this.#outOfTime();
    }
    const size = this.#size ?? 0;
    const tries = TRIES_IN_ALL * attempts + Math.ceil(size / TRY_BYTES);
    if (this.#tries >= tries) return `${tries} tries`;
    if (this.#received > BYTES_IN_ALL * size + TRY_BYTES) {
      return `${showBytes(this.#received)} for a file of ${showBytes(size)}`;
    }
    return null;
  }

  #givenUp(why: string, last: Passing): DeviceError {
    const { endpoint, cacheDir } = this.#access;
    const seconds = Math.ceil((performance.now() - this.#began) / 1000);
    const brought = this.#size === null
      ? ""
      : ` and brought ${this.#received} bytes; ${this.#done} of ${this.#size} are here`;
    const tries = this.#tries === 1 ? "1 try" : `${this.#tries} tries`;
    return new DeviceError(
      `Cannot ${this.#what} from ${endpoint} after ${why}: ${last.message}. In all, ${tries} took ${seconds} s${brought}. Try again later (what has arrived is kept), name another server with HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use only what is in ${cacheDir}`,
      { cause: last },
    );
  }
}
