/**
 * Reads bytes by an expression. A state is the set of all places in the expression where the text may be; states and
 * the ways between them are made when they are first needed, and kept.
 *
 * ```text
 * place    an expression to match next, and the place behind it
 * state    {place, place, ...}, closed: every place begins with a byte
 * ```
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { productiveIn } from "./productive.ts";

/** The state that nothing leads out of. */
export const DEAD = -1;
/** What {@linkcode Automaton.known} has for a byte that nobody has asked for. */
export const UNKNOWN = -2;
/** Places of one state, and places in all: beyond it an expression is too ambiguous, or a text too long. */
const MOST_PLACES = 50_000;
const MOST_KEPT = 2 ** 26;
/** Places that are looked at for one token: some tenths of a second. */
const MOST_WORK = 3_000_000;

/** What is to be matched next, and behind it; null: the end. */
interface Place {
  readonly id: number;
  readonly head: Expression;
  readonly rest: Place | null;
}

interface State {
  readonly places: readonly Place[];
  readonly accepts: boolean;
  readonly next: Int32Array; // (256)
}

/** The states of an expression. */
export class Automaton {
  readonly #expressions: Expressions;
  readonly #states: State[] = [];
  readonly #known = new Map<string, number>();
  readonly #places = new Map<number, Place>();
  /** Of each `both`: the automata of its sides. */
  readonly #sides = new Map<number, readonly [Automaton, Automaton]>();
  readonly #within = new Map<number, number>();
  readonly #open = new Map<number, Place>();
  readonly #productive: ReadonlySet<number>;
  #count = 1;
  #work = 0;
  /** The state before the first byte; `DEAD` where nothing matches. */
  readonly start: number;

  constructor(root: Expression, expressions: Expressions) {
    this.#expressions = expressions;
    this.#productive = productiveIn(root);
    this.start = this.#stateOf([this.#place(root, null)]);
  }

  /** Begins a token: what it may cost is counted from here. */
  begin(): void {
    this.#work = 0;
    for (const [left, right] of this.#sides.values()) {
      left.begin();
      right.begin();
    }
  }

  /** The state behind a byte. */
  next(state: number, byte: number): number {
    const { next, places } = this.#states[state];
    if (next[byte] !== UNKNOWN) return next[byte];
    const after: (Place | null)[] = [];
    for (const { head, rest } of places) {
      if (head.kind === "bytes") {
        if (head.has[byte] === 1) after.push(rest);
      } else if (head.kind === "pair") {
        const [left, right] = this.#sidesOf(head.of);
        const l = left.next(head.left, byte);
        const r = l === DEAD ? DEAD : right.next(head.right, byte);
        if (r === DEAD) continue;
        after.push(
          this.#place(this.#expressions.pair(head.of, l, r), rest),
        );
      }
    }
    return next[byte] = this.#stateOf(after);
  }

  /**
   * A state behind which the same next bytes can come, so many at most: counters that these cannot use up are left open.
   * Always call it with the same number.
   */
  within(state: number, bytes: number): number {
    let found = this.#within.get(state);
    if (found === undefined) {
      const { places, accepts } = this.#states[state];
      const opened = places.map((place) => this.#opened(place, bytes));
      found = this.#keep(opened, accepts);
      this.#within.set(state, found);
    }
    return found;
  }

  #opened(place: Place, bytes: number): Place {
    let found = this.#open.get(place.id);
    if (found === undefined) {
      const { head, rest } = place;
      found = this.#place(
        this.#openedHead(head, bytes),
        rest === null ? null : this.#opened(rest, bytes),
      );
      this.#open.set(place.id, found);
    }
    return found;
  }

  #openedHead(head: Expression, bytes: number): Expression {
    if (head.kind === "repeat") {
      return this.#expressions.repeat(
        head.item,
        Math.min(head.min, bytes),
        head.max > bytes ? Infinity : head.max,
      );
    }
    if (head.kind !== "pair") return head;
    const [left, right] = this.#sidesOf(head.of);
    return this.#expressions.pair(
      head.of,
      left.within(head.left, bytes),
      right.within(head.right, bytes),
    );
  }

  /** The states behind each byte, as far as they are known: for loops over many bytes. */
  known(state: number): Int32Array {
    return this.#states[state].next; // (256)
  }

  /** Whether the text may end in a state. */
  accepts(state: number): boolean {
    return this.#states[state].accepts;
  }

  /** Whether the text can continue in a state. */
  continues(state: number): boolean {
    return this.#states[state].places.length > 0;
  }

  #place(head: Expression, rest: Place | null): Place {
    const key = head.id * MOST_KEPT + (rest === null ? 0 : rest.id);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { id: this.#count++, head, rest };
      if (this.#count >= MOST_KEPT) throw tooAmbiguous();
      this.#places.set(key, place);
    }
    return place;
  }

  /** The state of these places. */
  #stateOf(begin: readonly (Place | null)[]): number {
    const open = [...begin];
    const seen = new Set<number>();
    const places: Place[] = [];
    let accepts = false;
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (place === null) {
        accepts = true;
        continue;
      }
      if (seen.has(place.id)) continue;
      seen.add(place.id);
      if (seen.size > MOST_PLACES || ++this.#work > MOST_WORK) {
        throw tooAmbiguous();
      }
      const { head, rest } = place;
      switch (head.kind) {
        case "bytes":
          places.push(place);
          break;
        case "sequence":
          if (!head.items.every((item) => this.#matches(item))) break;
          open.push(
            head.items.reduceRight(
              (behind, item) => this.#place(item, behind),
              rest,
            ),
          );
          break;
        case "choice":
          for (const item of head.items) {
            if (this.#matches(item)) open.push(this.#place(item, rest));
          }
          break;
        case "repeat":
          if (head.min === 0) open.push(rest);
          if (head.max > 0 && this.#matches(head.item)) {
            const more = this.#expressions.repeat(
              head.item,
              Math.max(0, head.min - 1),
              head.max - 1,
            );
            open.push(this.#place(head.item, this.#place(more, rest)));
          }
          break;
        case "rule":
          if (head.body !== null && this.#matches(head.body)) {
            open.push(this.#place(head.body, rest));
          }
          break;
        case "both": {
          const [left, right] = this.#sidesOf(head.id, head);
          if (left.start === DEAD || right.start === DEAD) break;
          open.push(
            this.#place(
              this.#expressions.pair(head.id, left.start, right.start),
              rest,
            ),
          );
          break;
        }
        case "pair": {
          const [left, right] = this.#sidesOf(head.of);
          places.push(place);
          if (left.accepts(head.left) && right.accepts(head.right)) {
            open.push(rest);
          }
          break;
        }
      }
    }
    return places.length === 0 && !accepts ? DEAD : this.#keep(places, accepts);
  }

  /** The state of places that begin with a byte. */
  #keep(places: readonly Place[], accepts: boolean): number {
    const ids = [...new Set(places.map(({ id }) => id))].sort((a, b) => a - b);
    const key = `${accepts ? "+" : ""}${ids}`;
    let state = this.#known.get(key);
    if (state === undefined) {
      state = this.#states.length;
      const next = new Int32Array(256).fill(UNKNOWN);
      this.#states.push({ places, accepts, next });
      this.#known.set(key, state);
    }
    return state;
  }

  /** Whether an expression matches any text. */
  #matches({ id }: Expression): boolean {
    return this.#productive.has(id);
  }

  #sidesOf(
    id: number,
    both?: Extract<Expression, { kind: "both" }>,
  ): readonly [Automaton, Automaton] {
    let sides = this.#sides.get(id);
    if (sides === undefined) {
      if (both === undefined) {
        throw new RangeError("A pair came before its both");
      }
      sides = [
        new Automaton(both.left, this.#expressions),
        new Automaton(both.right, this.#expressions),
      ];
      this.#sides.set(id, sides);
    }
    return sides;
  }
}

function tooAmbiguous(): ConfigError {
  return new ConfigError(
    "The schema allows too many readings of one text; make its patterns or its anyOf simpler",
  );
}
