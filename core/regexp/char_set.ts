/**
 * Sets of characters (code points), asked often: a set is a class of JavaScript's own, whose answers are kept.
 * @module
 */

const NO = 1;
const YES = 2;

/** A set of code points, written as the inside of a class: `\p{L}\u{5f}`. */
export class CharSet {
  readonly #one: RegExp;
  /** Answers for the basic plane: 0 = not asked yet. */
  readonly #basic = new Uint8Array(0x10000);
  readonly #beyond = new Map<number, boolean>();

  /** Throws `SyntaxError` for what is no class. */
  constructor(inside: string, options: { readonly ignoreCase?: boolean } = {}) {
    this.#one = new RegExp(
      `^[${inside}]$`,
      options.ignoreCase === true ? "iv" : "v",
    );
  }

  /** Whether the set has a code point. */
  has(code: number): boolean {
    if (code > 0xffff) {
      let known = this.#beyond.get(code);
      if (known === undefined) {
        known = this.#one.test(String.fromCodePoint(code));
        this.#beyond.set(code, known);
      }
      return known;
    }
    const known = this.#basic[code];
    if (known !== 0) return known === YES;
    const isIn = this.#one.test(String.fromCharCode(code));
    this.#basic[code] = isIn ? YES : NO;
    return isIn;
  }
}
