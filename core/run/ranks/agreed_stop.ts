/**
 * Ranks stop after the same step, whichever of them hears a signal first: each says with the sums of a step whether
 * it wants to stop, and all read the same answer.
 *
 * ```text
 * Ctrl-C ─► rank 2 wants to stop ─► sum of step 41: 1 rank wants to ─► all save and end after step 41
 * ```
 *
 * With the same sums rank 0 passes on which checkpoint is complete.
 * @module
 */

/** Numbers that ranks add up with those of a step. */
export interface StepVote {
  /** What this rank adds. */
  numbers(): readonly number[];
  /** Receives the sums over all ranks, in the same order. */
  decide(sums: readonly number[]): void;
}

/** A stop that all ranks agree on. */
export class AgreedStop implements StepVote {
  readonly #wanted: AbortSignal;
  readonly #isFirst: boolean;
  readonly #controller = new AbortController();
  /** Step of the newest complete checkpoint; null: there is none. */
  savedStep: number | null;

  constructor(
    wanted: AbortSignal,
    of: { readonly isFirst: boolean; readonly savedStep: number | null },
  ) {
    this.#wanted = wanted;
    this.#isFirst = of.isFirst;
    this.savedStep = of.savedStep;
  }

  /** Aborted on all ranks after the same step. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops: all ranks know that they do. */
  agree(): void {
    if (!this.signal.aborted) this.#controller.abort();
  }

  numbers(): readonly number[] {
    const saved = this.#isFirst && this.savedStep !== null
      ? this.savedStep + 1
      : 0;
    return [this.#wanted.aborted ? 1 : 0, saved];
  }

  decide([wanting, saved]: readonly number[]): void {
    this.savedStep = saved > 0 ? saved - 1 : null;
    if (wanting > 0) this.agree();
  }
}
