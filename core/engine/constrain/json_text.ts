/**
 * The pieces of JSON as expressions: white space, strings, numbers. What JSON leaves open and a model could write
 * without end (white space, digits) is bounded.
 * @module
 */
import type { Expression, Expressions, Range } from "./expressions.ts";

/** Spaces of one indentation, and digits of one part of a number. */
const MOST_SPACES = 24;
const MOST_DIGITS = 15;

/** Characters that a JSON string holds as they are. */
const PLAIN: readonly Range[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x10ffff],
];
const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x22: '\\"',
  0x5c: "\\\\",
  0x08: "\\b",
  0x0c: "\\f",
  0x0a: "\\n",
  0x0d: "\\r",
  0x09: "\\t",
};

/** Pieces of JSON. */
export class JsonText {
  readonly expressions: Expressions;

  constructor(expressions: Expressions) {
    this.expressions = expressions;
  }

  /** Nothing, a space, or a new line with its indentation. */
  space(): Expression {
    const e = this.expressions;
    return e.optional(e.choice([
      e.text(" "),
      e.sequence(e.text("\n"), e.repeat(e.text(" "), 0, MOST_SPACES)),
    ]));
  }

  /** Nothing or a space. */
  gap(): Expression {
    return this.expressions.optional(this.expressions.text(" "));
  }

  /** A comma and the space behind it. */
  comma(): Expression {
    return this.expressions.sequence(this.expressions.text(","), this.space());
  }

  /** One character of a string, as JSON writes it. */
  character(): Expression {
    const e = this.expressions;
    const hex: readonly Range[] = [[0x30, 0x39], [0x41, 0x46], [0x61, 0x66]];
    const any = e.bytes(...hex);
    return e.choice([
      e.character(PLAIN),
      e.sequence(
        e.text("\\"),
        e.choice([
          e.character(
            [...'"\\/bfnrt'].map((
              c,
            ): Range => [c.charCodeAt(0), c.charCodeAt(0)]),
          ),
          e.sequence(
            e.text("u"),
            // no half of a pair: not every reader takes it
            e.choice([
              e.sequence(
                e.bytes(
                  [0x30, 0x39],
                  [0x41, 0x43],
                  [0x45, 0x46],
                  [0x61, 0x63],
                  [
                    0x65,
                    0x66,
                  ],
                ),
                any,
              ),
              e.sequence(
                e.bytes([0x44, 0x44], [0x64, 0x64]),
                e.bytes([0x30, 0x37]),
              ),
            ]),
            any,
            any,
          ),
        ]),
      ),
    ]);
  }

  /** One of these characters, as a string of JSON holds it: in one way each. */
  characterIn(ranges: readonly Range[]): Expression {
    const e = this.expressions;
    const plain = ranges.flatMap(([from, to]) =>
      PLAIN.map(([a, b]): Range => [Math.max(from, a), Math.min(to, b)])
        .filter(([a, b]) => a <= b)
    );
    const escaped: Expression[] = [];
    for (const code of [...Array(0x20).keys(), 0x22, 0x5c]) {
      if (!ranges.some(([from, to]) => from <= code && code <= to)) continue;
      escaped.push(e.text(
        SHORT_ESCAPES[code] ?? `\\u${code.toString(16).padStart(4, "0")}`,
      ));
    }
    return e.choice([
      ...(plain.length > 0 ? [e.character(plain)] : []),
      ...escaped,
    ]);
  }

  /** A string with this inside. */
  quoted(inside: Expression): Expression {
    const e = this.expressions;
    return e.sequence(e.text('"'), inside, e.text('"'));
  }

  /** A string of so many characters. */
  string(min = 0, max = Infinity): Expression {
    return this.quoted(this.expressions.repeat(this.character(), min, max));
  }

  /** A string that is none of these, as the name of a property beside others. */
  stringBut(names: readonly string[]): Expression {
    return this.quoted(this.#but(names.map((name) => [...name])));
  }

  #but(names: readonly (readonly string[])[]): Expression {
    const e = this.expressions;
    const free = this.characterIn([[0x20, 0x10ffff]]);
    const rest = e.repeat(free, 0);
    const firsts = new Map<string, (readonly string[])[]>();
    for (const [first, ...more] of names) {
      if (first !== undefined) {
        firsts.set(first, [...firsts.get(first) ?? [], more]);
      }
    }
    const others = without(
      [[0x20, 0x10ffff]],
      [...firsts.keys()].map((c) => c.codePointAt(0) ?? 0),
    );
    const longer = e.choice([
      ...Array.from(firsts, ([first, more]) => {
        const code = first.codePointAt(0) ?? 0;
        return e.sequence(this.characterIn([[code, code]]), this.#but(more));
      }),
      e.sequence(this.characterIn(others), rest),
    ]);
    const isName = names.some(({ length }) => length === 0);
    return isName ? longer : e.optional(longer);
  }

  /** So many digits. */
  digits(min = 1, max = MOST_DIGITS): Expression {
    return this.expressions.repeat(
      this.expressions.bytes([0x30, 0x39]),
      min,
      max,
    );
  }

  /** A whole number without a sign. */
  #whole(): Expression {
    const e = this.expressions;
    return e.choice([
      e.text("0"),
      e.sequence(e.bytes([0x31, 0x39]), this.digits(0, MOST_DIGITS - 1)),
    ]);
  }

  /** A whole number. */
  integer(): Expression {
    const e = this.expressions;
    return e.sequence(e.optional(e.text("-")), this.#whole());
  }

  /** A number. `decimals`: digits behind the point at most, and no exponent. */
  number(decimals: number | null = null): Expression {
    const e = this.expressions;
    const fraction = e.optional(
      e.sequence(e.text("."), this.digits(1, decimals ?? MOST_DIGITS)),
    );
    if (decimals !== null) {
      return decimals === 0
        ? this.integer()
        : e.sequence(this.integer(), fraction);
    }
    return e.sequence(
      this.integer(),
      fraction,
      e.optional(e.sequence(
        e.character([[0x45, 0x45], [0x65, 0x65]]),
        e.optional(e.character([[0x2b, 0x2b], [0x2d, 0x2d]])),
        this.digits(1, 2),
      )),
    );
  }
}

/** Ranges without some code points. */
function without(
  ranges: readonly Range[],
  codes: readonly number[],
): readonly Range[] {
  return codes.reduce<readonly Range[]>(
    (left, code) =>
      left.flatMap(([from, to]): Range[] =>
        code < from || code > to ? [[from, to]] : [
          ...(from < code ? [[from, code - 1] as const] : []),
          ...(code < to ? [[code + 1, to] as const] : []),
        ]
      ),
    ranges,
  );
}
