/**
 * How much one submission may ask of the GPU. The system resets a GPU that does not respond for some seconds
 * (Windows: two), and a submission cannot be stopped. WebGPU does not report a GPU's speed, so the first submissions
 * are small, and the budget then follows the speed measured at the waits that happen anyway.
 *
 * ```text
 * submit  submit  submit   wait ......... done        operations / seconds = at least this fast
 * |------- operations ------|                         a submission may take half a second of that
 * ```
 *
 * A kernel is never cut: the largest product of GPT-2 over 8 x 1024 tokens has 4e10 operations.
 * @module
 */

/** Seconds that a submission may take, as far as can be foreseen. */
const SECONDS = 0.5;
/** Where nothing is known: a second at 10 GFLOP/s, which is little even for a processor. */
const FIRST = 1e10;
/** Bounds of the derived budget: some submissions a second, and no more than was ever of use. */
const LEAST = 1e9;
const MOST = 1e12;
/** Work that says something of the speed: below, it is the host that is measured. */
const TELLING = 1e9;

/** The budget of a device's submissions. */
export class SubmissionBudget {
  #operations = FIRST;
  #since: number | null = null;
  #submitted = 0;

  /** Most operations of one submission. */
  get operations(): number {
    return this.#operations;
  }

  /** Notes a submission; `now` in seconds. */
  submit(operations: number, now: number): void {
    this.#since ??= now;
    this.#submitted += operations;
  }

  /** All that was submitted is done. */
  done(now: number): void {
    if (this.#since !== null && this.#submitted >= TELLING) {
      const seconds = Math.max(now - this.#since, 1e-6);
      const fitting = SECONDS * this.#submitted / seconds;
      this.#operations = Math.min(MOST, Math.max(LEAST, fitting));
    }
    this.#since = null;
    this.#submitted = 0;
  }
}
