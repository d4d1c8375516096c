/**
 * Answers that follow a grammar: for each place of the text, which tokens may come.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { TokenConstraint } from "../../contracts/token_constraint.ts";
import { Automaton, DEAD } from "./automaton.ts";
import type { Expression, Expressions } from "./expressions.ts";
import type { TokenTrie } from "./token_trie.ts";

/** Bytes of masks that are kept. */
const MASK_BYTES = 64 * 1024 * 1024;

/** The constraint of one answer. */
export interface GrammarConstraint extends TokenConstraint {
  /** Whether nothing can follow: the answer is whole, with its end token or without. */
  readonly isComplete: boolean;
}

/** A grammar on a vocabulary; its states and masks serve all answers that follow it. */
export class TokenGrammar {
  readonly #automaton: Automaton;
  readonly #trie: TokenTrie;
  readonly #masks = new Map<number, Int32Array>();

  /** Throws `ConfigError` for a grammar that no text follows. */
  constructor(
    root: Expression,
    { expressions, trie }: {
      readonly expressions: Expressions;
      readonly trie: TokenTrie;
    },
  ) {
    this.#automaton = new Automaton(root, expressions);
    this.#trie = trie;
    if (this.#automaton.start === DEAD) {
      throw new ConfigError(
        "No text follows the schema: it contradicts itself",
      );
    }
  }

  /** Constrains an answer. `ends`: the tokens that end it. */
  start(ends: ReadonlySet<number>): GrammarConstraint {
    const automaton = this.#automaton;
    const trie = this.#trie;
    const maskOf = (state: number) => this.#maskOf(state);
    let state = automaton.start;
    let hasEnded = false;
    return {
      get isComplete() {
        return hasEnded ||
          (automaton.accepts(state) && !automaton.continues(state));
      },
      allowed() {
        const mask = maskOf(state);
        const isStuck = mask.every((word) => word === 0);
        if (!automaton.accepts(state) && !isStuck) return mask;
        const withEnds = mask.slice();
        for (const id of ends) withEnds[id >>> 5] |= 1 << (id & 31);
        return withEnds;
      },
      accept(id) {
        if (ends.has(id)) {
          hasEnded = true;
          return;
        }
        automaton.begin();
        for (const byte of trie.bytesOf(id) ?? []) {
          state = automaton.next(state, byte);
          if (state === DEAD) {
            throw new RangeError(`Token ${id} was not allowed`);
          }
        }
      },
    };
  }

  #maskOf(at: number): Int32Array {
    const state = this.#automaton.within(at, this.#trie.longest);
    let mask = this.#masks.get(state);
    if (mask === undefined) {
      this.#automaton.begin();
      mask = this.#trie.mask(this.#automaton, state);
      const most = Math.max(16, MASK_BYTES / mask.byteLength);
      if (this.#masks.size >= most) {
        const [oldest] = this.#masks.keys();
        this.#masks.delete(oldest);
      }
      this.#masks.set(state, mask);
    }
    return mask;
  }
}
