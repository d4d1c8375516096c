/**
 * What an answer may be, as expressions over bytes of UTF-8: a context-free grammar with counted repetitions.
 * @module
 */
import { utf8Ranges } from "./utf8_ranges.ts";

/** A range of bytes or code points, both ends included. */
export type Range = readonly [number, number];

/** An expression; `id` names it within its {@linkcode Expressions}. */
export type Expression =
  & { readonly id: number }
  & (
    /** One byte. */
    | { readonly kind: "bytes"; readonly has: Uint8Array }
    | { readonly kind: "sequence"; readonly items: readonly Expression[] }
    | { readonly kind: "choice"; readonly items: readonly Expression[] }
    | {
      readonly kind: "repeat";
      readonly item: Expression;
      readonly min: number;
      readonly max: number;
    }
    /** Another expression, which may be made later: recursion. */
    | { readonly kind: "rule"; body: Expression | null }
    /** What both match. */
    | {
      readonly kind: "both";
      readonly left: Expression;
      readonly right: Expression;
    }
    /** What is left of a `both`: the states of its two sides. */
    | {
      readonly kind: "pair";
      readonly of: number;
      readonly left: number;
      readonly right: number;
    }
  );

/** Makes expressions, equal repetitions and pairs once. */
export class Expressions {
  #count = 0;
  readonly #kept = new Map<string, Expression>();

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** One byte of these ranges. */
  bytes(...ranges: readonly Range[]): Expression {
    return this.#keep(`b${ranges}`, (id) => {
      const has = new Uint8Array(256);
      for (const [from, to] of ranges) has.fill(1, from, to + 1);
      return { id, kind: "bytes", has };
    });
  }

  /** A text. */
  text(text: string): Expression {
    const bytes = new TextEncoder().encode(text);
    return this.#keep(
      `t${text}`,
      (id) => ({
        id,
        kind: "sequence",
        items: Array.from(bytes, (byte) => this.bytes([byte, byte])),
      }),
    );
  }

  /** One character of these ranges of code points. */
  character(ranges: readonly Range[]): Expression {
    return this.choice(
      ranges.flatMap((range) => utf8Ranges(range))
        .map((bytes) => this.sequence(...bytes.map((one) => this.bytes(one)))),
    );
  }

  /** One expression behind the other. */
  sequence(...items: readonly Expression[]): Expression {
    if (items.length === 1) return items[0];
    return this.#keep(
      `s${items.map(({ id }) => id)}`,
      (id) => ({ id, kind: "sequence", items }),
    );
  }

  /** One of several expressions; none of them: nothing matches. */
  choice(items: readonly Expression[]): Expression {
    if (items.length === 1) return items[0];
    return this.#keep(
      `c${items.map(({ id }) => id)}`,
      (id) => ({ id, kind: "choice", items }),
    );
  }

  /** An expression from `min` to `max` times. */
  repeat(item: Expression, min: number, max = Infinity): Expression {
    return this.#keep(
      `r${item.id},${min},${max}`,
      (id) => ({ id, kind: "repeat", item, min, max }),
    );
  }

  /** An expression or nothing. */
  optional(item: Expression): Expression {
    return this.repeat(item, 0, 1);
  }

  /** What both match. */
  both(left: Expression, right: Expression): Expression {
    return this.#keep(
      `a${left.id},${right.id}`,
      (id) => ({ id, kind: "both", left, right }),
    );
  }

  /** What is left of a `both`. */
  pair(of: number, left: number, right: number): Expression {
    return this.#keep(
      `p${of},${left},${right}`,
      (id) => ({ id, kind: "pair", of, left, right }),
    );
  }

  /** An expression that is made later. */
  rule(): Extract<Expression, { kind: "rule" }> {
    return { id: this.#count++, kind: "rule", body: null };
  }

  #keep(key: string, make: (id: number) => Expression): Expression {
    let made = this.#kept.get(key);
    if (made === undefined) {
      made = make(this.#count++);
      this.#kept.set(key, made);
    }
    return made;
  }
}
