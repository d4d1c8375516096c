/**
 * What one rendering may cost. Chat templates come with downloads: one that loops or grows without end must
 * fail in seconds, not take the machine with it.
 * @module
 */
import { BudgetError } from "./error.ts";
import { Traced } from "./traced.ts";
import { Dict, List, Stream, type Value } from "./values.ts";

/** Bounds of one rendering. */
export interface BudgetLimits {
  /** Expressions and statements that are run, and items that filters look at. */
  readonly steps: number;
  /** Characters that are made, in all texts together; an item of a list counts as eight. */
  readonly characters: number;
  /** Time. */
  readonly ms: number;
}

/** A thousand turns of a template that looks over all of them at each take some ten million steps. */
export const LIMITS: BudgetLimits = {
  steps: 50_000_000,
  characters: 300_000_000,
  ms: 5_000,
};

/** Steps between two looks at the clock. */
const INTERVAL = 4096;

/** Counts what a rendering costs. Throws {@linkcode BudgetError} where its budget is spent. */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #start = performance.now();
  #steps = 0;
  #look = INTERVAL;
  #characters = 0;

  constructor(limits: BudgetLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Counts steps. */
  step(count = 1): void {
    this.#steps += count;
    if (this.#steps < this.#look) return;
    this.#look = this.#steps + INTERVAL;
    const { steps, ms } = this.#limits;
    if (this.#steps > steps) {
      throw new BudgetError(`it takes more than ${steps} steps`);
    }
    if (performance.now() - this.#start > ms) {
      throw new BudgetError(`it takes longer than ${ms / 1000} seconds`);
    }
  }

  /** Counts a value that something is to be done with. */
  look(value: Value): void {
    if (value instanceof Traced) this.step(1 + (value.text.length >> 6));
    else if (value instanceof List || value instanceof Stream) {
      this.step(1 + value.items.length);
    } else if (value instanceof Dict) this.step(1 + value.entries.size);
  }

  /** Counts a value that was made. */
  made(value: Value): void {
    const size = value instanceof Traced
      ? value.text.length
      : value instanceof List || value instanceof Stream
      ? 8 * value.items.length
      : 0;
    this.#characters += size;
    const { characters } = this.#limits;
    if (this.#characters > characters) {
      throw new BudgetError(`it makes more than ${characters} characters`);
    }
  }
}
