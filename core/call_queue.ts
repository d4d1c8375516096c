/**
 * Calls one at a time.
 * @module
 */

/** Runs asynchronous calls one after another, in the order they were made. */
export class CallQueue {
  /** Is resolved when the last call that was made has ended, well or not. */
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `call` when all calls before it have ended; gives what it gives, or throws what it throws. */
  run<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => {}); // for its own caller only: the next one runs anyway
    return result;
  }
}
