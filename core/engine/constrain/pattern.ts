/**
 * Regular expressions of JSON Schema (those of ECMAScript) as expressions over the characters of a JSON string. What
 * looks around itself, or back, is refused: a grammar cannot say it.
 * @module
 */
import type { Expression, Expressions, Range } from "./expressions.ts";
import type { JsonText } from "./json_text.ts";

/** A pattern that cannot be used, and why. */
export class PatternProblem extends Error {}

const LAST = 0x10ffff;
const DIGIT: readonly Range[] = [[0x30, 0x39]];
const WORD: readonly Range[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: readonly Range[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x2028, 0x2029],
  [0x3000, 0x3000],
];
const CONTROLS: Readonly<Record<string, number>> = {
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  "0": 0,
};
const MOST_REPEATS = 10_000;
const MOST_DEPTH = 100;
/** Characters before a pattern that is not bound to the start. */
const MOST_BEFORE = 100;

/** The inside of a string that a pattern is found in, as JSON writes it. */
export function patternInside(source: string, json: JsonText): Expression {
  return new PatternReader(source, json).whole();
}

/** An expression, and whether a pattern bound it to the start or the end of the text. */
interface Branch {
  readonly items: readonly Expression[];
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

class PatternReader {
  readonly #source: readonly string[];
  readonly #json: JsonText;
  readonly #e: Expressions;
  #at = 0;
  #depth = 0;

  constructor(source: string, json: JsonText) {
    this.#source = [...source];
    this.#json = json;
    this.#e = json.expressions;
  }

  whole(): Expression {
    const branches = this.#branches();
    if (this.#at < this.#source.length) {
      throw new PatternProblem("it has a ) too many");
    }
    // a pattern is searched for: what it does not bind may have anything around it, before it not without end
    const any = this.#e.repeat(this.#json.character(), 0);
    const before = this.#e.repeat(this.#json.character(), 0, MOST_BEFORE);
    return this.#e.choice(
      branches.map(({ items, atStart, atEnd }) =>
        this.#e.sequence(
          ...(atStart ? [] : [before]),
          ...items,
          ...(atEnd ? [] : [any]),
        )
      ),
    );
  }

  #branches(): Branch[] {
    const branches = [this.#branch()];
    while (this.#takes("|")) branches.push(this.#branch());
    return branches;
  }

  #branch(): Branch {
    const items: Expression[] = [];
    let atStart = false;
    let atEnd = false;
    while (this.#at < this.#source.length) {
      const c = this.#source[this.#at];
      if (c === "|" || c === ")") break;
      this.#at++;
      if (c === "^") {
        if (items.length > 0) {
          throw new PatternProblem("it has a ^ that is not at its start");
        }
        atStart = true;
        continue;
      }
      if (c === "$") {
        atEnd = true;
        continue;
      }
      if (atEnd) throw new PatternProblem("it has a $ that is not at its end");
      items.push(this.#repeated(this.#one(c)));
    }
    return { items, atStart, atEnd };
  }

  #one(c: string): Expression {
    switch (c) {
      case "(":
        return this.#group();
      case "[":
        return this.#json.characterIn(this.#class());
      case ".":
        return this.#json.characterIn(
          inverse([[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]),
        );
      case "\\":
        return this.#json.characterIn(this.#escape());
      case "*":
      case "+":
      case "?":
        throw new PatternProblem(`nothing comes before its ${c}`);
    }
    const code = c.codePointAt(0) ?? 0;
    return this.#json.characterIn([[code, code]]);
  }

  #group(): Expression {
    if (++this.#depth > MOST_DEPTH) {
      throw new PatternProblem("its groups are nested too deeply");
    }
    if (this.#takes("?")) {
      const isNamed = this.#takes("<");
      const kind = this.#source[this.#at];
      if (isNamed && kind !== "=" && kind !== "!") {
        while (this.#at < this.#source.length && !this.#takes(">")) this.#at++;
      } else if (!this.#takes(":")) {
        throw new PatternProblem("it looks around itself");
      }
    }
    const branches = this.#branches();
    if (!this.#takes(")")) throw new PatternProblem("it lacks a )");
    this.#depth--;
    if (branches.some(({ atStart, atEnd }) => atStart || atEnd)) {
      throw new PatternProblem("it has a ^ or $ within a group");
    }
    return this.#e.choice(
      branches.map(({ items }) => this.#e.sequence(...items)),
    );
  }

  #repeated(item: Expression): Expression {
    let [min, max] = [1, 1];
    const rest = this.#source.slice(this.#at, this.#at + 16).join("");
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    if (this.#takes("*")) [min, max] = [0, Infinity];
    else if (this.#takes("+")) [min, max] = [1, Infinity];
    else if (this.#takes("?")) [min, max] = [0, 1];
    else if (counted !== null) {
      this.#at += counted[0].length;
      min = Number(counted[1]);
      max = counted[2] === undefined
        ? min
        : counted[3] === ""
        ? Infinity
        : Number(counted[3]);
      if (Math.max(min, max === Infinity ? 0 : max) > MOST_REPEATS) {
        throw new PatternProblem(`it repeats more than ${MOST_REPEATS} times`);
      }
    } else return item;
    this.#takes("?"); // few or many first: the same texts
    return this.#e.repeat(item, min, max);
  }

  #class(): readonly Range[] {
    const isInverse = this.#takes("^");
    const ranges: Range[] = [];
    while (!this.#takes("]")) {
      const first = this.#member();
      if (
        this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]" &&
        first.length === 1 && first[0][0] === first[0][1]
      ) {
        this.#at++;
        const [[last]] = this.#member();
        if (last < first[0][0]) {
          throw new PatternProblem("it has a range that is upside down");
        }
        ranges.push([first[0][0], last]);
      } else ranges.push(...first);
    }
    return isInverse ? inverse(ranges) : ranges;
  }

  #member(): readonly Range[] {
    const c = this.#source[this.#at++];
    if (c === undefined) throw new PatternProblem("it lacks a ]");
    if (c === "\\") {
      return this.#source[this.#at] === "b"
        ? (this.#at++, [[8, 8]])
        : this.#escape();
    }
    const code = c.codePointAt(0) ?? 0;
    return [[code, code]];
  }

  #escape(): readonly Range[] {
    const c = this.#source[this.#at++];
    switch (c) {
      case undefined:
        throw new PatternProblem("it ends in a backslash");
      case "d":
        return DIGIT;
      case "D":
        return inverse(DIGIT);
      case "w":
        return WORD;
      case "W":
        return inverse(WORD);
      case "s":
        return SPACE;
      case "S":
        return inverse(SPACE);
      case "x":
        return this.#hex(2);
      case "u":
        return this.#takes("{") ? this.#hexUntil("}") : this.#hex(4);
      case "p":
      case "P":
        return this.#property(c);
    }
    if (/[1-9bBk]/.test(c)) {
      throw new PatternProblem(`it uses \\${c}, which looks back or around`);
    }
    const code = CONTROLS[c] ?? c.codePointAt(0) ?? 0;
    return [[code, code]];
  }

  #hex(digits: number): readonly Range[] {
    const text = this.#source.slice(this.#at, this.#at + digits).join("");
    this.#at += digits;
    return this.#code(text);
  }

  #hexUntil(end: string): readonly Range[] {
    const from = this.#at;
    while (this.#at < this.#source.length && !this.#takes(end)) this.#at++;
    return this.#code(this.#source.slice(from, this.#at - 1).join(""));
  }

  #code(hex: string): readonly Range[] {
    const code = /^[0-9a-fA-F]{1,6}$/.test(hex) ? parseInt(hex, 16) : LAST + 1;
    if (code > LAST) throw new PatternProblem(`it has no code point at ${hex}`);
    return [[code, code]];
  }

  /** Characters of a Unicode property, of the basic plane. */
  #property(letter: string): readonly Range[] {
    const from = this.#at;
    if (!this.#takes("{")) {
      throw new PatternProblem(`it lacks a { behind \\${letter}`);
    }
    while (this.#at < this.#source.length && !this.#takes("}")) this.#at++;
    let one: RegExp;
    try {
      one = new RegExp(
        `^\\${letter}${this.#source.slice(from, this.#at).join("")}$`,
        "u",
      );
    } catch {
      throw new PatternProblem(
        "it names a property that Unicode does not have",
      );
    }
    const ranges: [number, number][] = [];
    for (let code = 0x20; code < 0x10000; code++) {
      if (!one.test(String.fromCharCode(code))) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === code - 1) last[1] = code;
      else ranges.push([code, code]);
    }
    return ranges;
  }

  #takes(c: string): boolean {
    if (this.#source[this.#at] !== c) return false;
    this.#at++;
    return true;
  }
}

/** All other characters that a text has without escapes, and those that JSON escapes in one letter. */
function inverse(ranges: readonly Range[]): readonly Range[] {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const out: Range[] = [];
  let next = 0x09;
  for (const [from, to] of sorted) {
    if (from > next) out.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= LAST) out.push([next, LAST]);
  return out;
}
