/**
 * How many answers may be under way: those that are written, and a bounded number that wait. What is more is refused
 * at once, with the seconds after which to try again.
 * @module
 */
import { ApiError } from "./api_error.ts";

/** Counts answers. */
export class Admission {
  readonly rows: number;
  readonly queue: number;
  #pending = 0;
  #isClosed = false;
  /** Seconds that an answer took lately, smoothed. */
  #seconds = 1;
  #idle: (() => void)[] = [];

  constructor({ rows, queue }: { rows: number; queue: number }) {
    this.rows = rows;
    this.queue = queue;
  }

  /** Answers that are being written. */
  get running(): number {
    return Math.min(this.#pending, this.rows);
  }

  /** Answers that wait. */
  get waiting(): number {
    return this.#pending - this.running;
  }

  /** Whether the server is ending. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes so many answers in until the result is disposed of. Throws `ApiError`. */
  enter(answers: number): Disposable {
    if (this.#isClosed) {
      throw new ApiError(
        503,
        "The server is ending; it takes no new requests",
        {
          code: "shutting_down",
          retryAfter: 5,
        },
      );
    }
    const most = this.rows + this.queue;
    // a request that is larger than the queue is taken when nothing else is there
    if (this.#pending > 0 && this.#pending + answers > most) {
      const rounds = Math.ceil(this.#pending / this.rows);
      throw new ApiError(
        429,
        `${this.#pending} answers are being written or wait, and ${most} may; try again later, or start the server with a larger --queue`,
        {
          code: "queue_full",
          retryAfter: Math.min(
            60,
            Math.max(1, Math.ceil(rounds * this.#seconds)),
          ),
        },
      );
    }
    this.#pending += answers;
    const start = performance.now();
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#pending -= answers;
        const seconds = (performance.now() - start) / 1000;
        this.#seconds += (seconds - this.#seconds) / 8;
        if (this.#pending === 0) {
          for (const done of this.#idle.splice(0)) done();
        }
      },
    };
  }

  /** Refuses all that comes; is resolved when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending === 0) return;
    await new Promise<void>((done) => this.#idle.push(done));
  }
}
