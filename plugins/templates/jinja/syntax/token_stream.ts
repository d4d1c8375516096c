/**
 * The tokens of a template, one after another.
 * @module
 */
import type { Token } from "./lexer.ts";
import { JinjaError } from "../error.ts";

/** A place among tokens. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** How many tokens were taken. */
  get position(): number {
    return this.#at;
  }

  /** Whether a name was among the tokens taken since a position. */
  named(name: string, since: number): boolean {
    return this.#tokens.slice(since, this.#at).some((token) =>
      token.type === "name" && token.value === name
    );
  }

  /** The token that is next. */
  get current(): Token {
    return this.#tokens[this.#at];
  }

  /** The one after it. */
  get following(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)];
  }

  /** Takes the next token. */
  next(): Token {
    const token = this.current;
    if (token.type !== "end") this.#at++;
    return token;
  }

  /** Whether an operator is next. */
  isOperator(value: string): boolean {
    return this.current.type === "operator" && this.current.value === value;
  }

  /** Whether a name is next, one of these where some are given. */
  isName(...values: readonly string[]): boolean {
    return this.current.type === "name" &&
      (values.length === 0 || values.includes(this.current.value));
  }

  /** Takes an operator if it is next. */
  skipOperator(value: string): boolean {
    const found = this.isOperator(value);
    if (found) this.next();
    return found;
  }

  /** Takes a name if it is next. */
  skipName(value: string): boolean {
    const found = this.isName(value);
    if (found) this.next();
    return found;
  }

  /** Takes an operator that must be next. */
  expectOperator(value: string): void {
    if (!this.skipOperator(value)) this.fail(`expected '${value}'`);
  }

  /** Takes a name that must be next, and gives it. */
  expectName(value?: string): string {
    if (value === undefined ? !this.isName() : !this.isName(value)) {
      this.fail(`expected ${value === undefined ? "a name" : `'${value}'`}`);
    }
    return this.next().value;
  }

  /** Takes a token of a type that must be next. */
  expect(type: Token["type"]): Token {
    if (this.current.type !== type) {
      this.fail(`expected the end of the tag`);
    }
    return this.next();
  }

  /** Throws with what was found and where. */
  fail(expected: string): never {
    const { type, value, line } = this.current;
    const found = type === "end"
      ? "the end of the template"
      : type === "close block" || type === "close print"
      ? "the end of the tag"
      : `'${value}'`;
    throw new JinjaError(`${expected}, got ${found} (line ${line})`);
  }
}
