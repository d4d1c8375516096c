/**
 * Reads a regular expression as tokenizer files (Oniguruma) and PEFT (Python) write them.
 *
 * What cannot be matched in bounded memory and time, or is too odd to be worth it, is refused: references back to
 * groups, `\G`, `\K`, `\X`, conditions, calls of groups.
 * @module
 */
import { CharSet } from "./char_set.ts";
import {
  type Cursor,
  type Dialect,
  ExpressionProblem,
  inClass,
  takeChar,
  takeClass,
  takeEscape,
  wordClass,
} from "./parse_class.ts";
import type { Anchor, Greed, Node } from "./tree.ts";

const MAX_DEPTH = 100;
const MAX_REPEAT = 100_000;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly multiline: boolean;
}

/** The tree of an expression. Throws `ExpressionProblem`. */
export function parseExpression(source: string, dialect: Dialect): Node {
  const parser = new Parser({ source, at: 0, dialect });
  return parser.whole();
}

class Parser {
  readonly #cursor: Cursor;
  readonly #sets = new Map<string, CharSet>();
  #depth = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  whole(): Node {
    const node = this.#choice({
      ignoreCase: false,
      dotAll: false,
      extended: false,
      multiline: false,
    });
    if (!this.#isEnd()) throw new ExpressionProblem("it has a ) too many");
    return node;
  }

  #isEnd(): boolean {
    return this.#cursor.at >= this.#cursor.source.length;
  }

  #peek(text: string): boolean {
    return this.#cursor.source.startsWith(text, this.#cursor.at);
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#cursor.at += text.length;
    return true;
  }

  #choice(flags: Flags): Node {
    if (++this.#depth > MAX_DEPTH) {
      throw new ExpressionProblem("its groups are nested too deep");
    }
    const branches: Node[] = [];
    let nodes: Node[] = [];
    while (!this.#isEnd() && !this.#peek(")")) {
      if (this.#take("|")) {
        branches.push({ kind: "sequence", nodes });
        nodes = [];
        continue;
      }
      if (flags.extended && this.#skipsSpace()) continue;
      const inline = this.#inlineFlags(flags);
      if (inline !== null) {
        // it holds up to the end of its group, and the alternatives behind it are inside: a(?i)b|c is a(?i:b|c)
        nodes.push(this.#choice(inline));
        break;
      }
      const atom = this.#atom(flags);
      if (atom !== null) nodes.push(this.#repeated(atom));
    }
    this.#depth--;
    branches.push({ kind: "sequence", nodes });
    return branches.length === 1
      ? branches[0]
      : { kind: "choice", nodes: branches };
  }

  #skipsSpace(): boolean {
    const found = /^(\s+|#[^\n]*)/.exec(
      this.#cursor.source.slice(this.#cursor.at, this.#cursor.at + 1000),
    );
    if (found !== null) this.#cursor.at += found[0].length;
    return found !== null;
  }

  #inlineFlags(flags: Flags): Flags | null {
    const found = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(
      this.#cursor.source.slice(this.#cursor.at, this.#cursor.at + 24),
    );
    if (found === null) return null;
    this.#cursor.at += found[0].length;
    return this.#withFlags(flags, found[1], found[2] ?? "");
  }

  #withFlags(flags: Flags, on: string, off: string): Flags {
    const known = this.#cursor.dialect === "python" ? "imsxuaL" : "imxWDSPa";
    for (const letter of on + off) {
      if (!known.includes(letter)) {
        throw new ExpressionProblem(`the option "${letter}" is not known`);
      }
    }
    const is = (letter: string, before: boolean): boolean =>
      on.includes(letter) || (before && !off.includes(letter));
    const isPython = this.#cursor.dialect === "python";
    return {
      ignoreCase: is("i", flags.ignoreCase),
      dotAll: is(isPython ? "s" : "m", flags.dotAll),
      extended: is("x", flags.extended),
      multiline: isPython && is("m", flags.multiline),
    };
  }

  #atom(flags: Flags): Node | null {
    const { source } = this.#cursor;
    const letter = source[this.#cursor.at];
    const isOnig = this.#cursor.dialect === "oniguruma";
    switch (letter) {
      case "(":
        return this.#group(flags);
      case "[":
        this.#cursor.at++;
        return this.#set(takeClass(this.#cursor, 0), flags);
      case ".":
        this.#cursor.at++;
        return this.#set(
          flags.dotAll ? "\\u{0}-\\u{10ffff}" : "[^\\u{a}]",
          { ...flags, ignoreCase: false },
        );
      case "^":
        this.#cursor.at++;
        return anchor(
          isOnig || flags.multiline ? "line-start" : "text-start",
        );
      case "$":
        this.#cursor.at++;
        return anchor(
          isOnig || flags.multiline ? "line-end" : "text-end-or-newline",
        );
      case "\\":
        this.#cursor.at++;
        return this.#escape(flags);
      case "*":
      case "+":
      case "?":
        throw new ExpressionProblem(
          `nothing is repeated by the "${letter}" at ${this.#cursor.at}`,
        );
    }
    return this.#char(takeChar(this.#cursor), flags);
  }

  #char(code: number, flags: Flags): Node {
    if (!flags.ignoreCase) return { kind: "char", code };
    return this.#set(inClass(code), flags);
  }

  #set(inside: string, { ignoreCase }: Flags): Node {
    const key = `${ignoreCase ? "i" : ""}:${inside}`;
    let set = this.#sets.get(key);
    if (set === undefined) {
      try {
        set = new CharSet(inside, { ignoreCase });
      } catch (cause) {
        throw new ExpressionProblem("one of its classes cannot be read", {
          cause,
        });
      }
      this.#sets.set(key, set);
    }
    return { kind: "set", set };
  }

  #escape(flags: Flags): Node {
    const { source, dialect } = this.#cursor;
    const letter = source[this.#cursor.at] ?? "";
    const isOnig = dialect === "oniguruma";
    const anchors: Readonly<Record<string, Anchor>> = {
      A: "text-start",
      Z: isOnig ? "text-end-or-newline" : "text-end",
      b: "word",
      B: isOnig ? "not-word" : "not-word-in-text",
      ...(isOnig ? { z: "text-end" } as const : {}),
    };
    if (Object.hasOwn(anchors, letter)) {
      this.#cursor.at++;
      return anchor(anchors[letter]);
    }
    if (isOnig && letter === "R") {
      this.#cursor.at++;
      return {
        kind: "choice",
        nodes: [
          {
            kind: "sequence",
            nodes: [{ kind: "char", code: 13 }, { kind: "char", code: 10 }],
          },
          this.#set("\\u{a}-\\u{d}\\u{85}\\u{2028}\\u{2029}", flags),
        ],
      };
    }
    const word = /^(?:[wW]|[pP]\{[wW]ord\})/.exec(
      source.slice(this.#cursor.at, this.#cursor.at + 8),
    );
    if (word !== null) {
      this.#cursor.at += word[0].length;
      const inside = wordClass(dialect);
      const isNegative = /^[WP]/.test(word[0]);
      return this.#set(isNegative ? `[^${inside}]` : inside, flags);
    }
    const found = takeEscape(this.#cursor);
    if (found === null) {
      throw new ExpressionProblem(`\\${letter} is not supported`);
    }
    return typeof found === "number"
      ? this.#char(found, flags)
      : this.#set(found, flags);
  }

  #group(flags: Flags): Node | null {
    const { source } = this.#cursor;
    if (this.#take("(?#")) {
      const end = source.indexOf(")", this.#cursor.at);
      if (end < 0) throw new ExpressionProblem("a comment has no end");
      this.#cursor.at = end + 1;
      return null;
    }
    const close = (node: Node): Node => {
      if (!this.#take(")")) throw new ExpressionProblem("a ( has no )");
      return node;
    };
    for (const [opening, behind, negative] of LOOKS) {
      if (!this.#take(opening)) continue;
      const node = close(this.#choice(flags));
      return { kind: "look", node, behind, negative };
    }
    if (this.#take("(?>")) {
      return { kind: "atomic", node: close(this.#choice(flags)) };
    }
    const named = /^\(\?P?<[A-Za-z_]\w{0,100}>/.exec(
      source.slice(this.#cursor.at, this.#cursor.at + 120),
    );
    const options = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?:/.exec(
      source.slice(this.#cursor.at, this.#cursor.at + 24),
    );
    if (named !== null) this.#cursor.at += named[0].length;
    else if (options !== null) {
      this.#cursor.at += options[0].length;
      const inner = this.#withFlags(flags, options[1], options[2] ?? "");
      return close(this.#choice(inner));
    } else if (this.#peek("(?") || this.#peek("(*")) {
      throw new ExpressionProblem(
        `the group ${
          source.slice(this.#cursor.at, this.#cursor.at + 4)
        } is not supported`,
      );
    } else this.#cursor.at++;
    return close(this.#choice(flags));
  }

  #repeated(atom: Node): Node {
    let node = atom;
    while (true) {
      const limits = this.#limits();
      if (limits === null) return node;
      if (++this.#depth > MAX_DEPTH) {
        throw new ExpressionProblem("its repetitions are nested too deep");
      }
      const { min, max, isInterval } = limits;
      const isOnig = this.#cursor.dialect === "oniguruma";
      let greed: Greed = "greedy";
      if (isInterval && isOnig) {
        // `{n}?` is an optional repetition, and `{n,m}+` a repetition of repetitions
        if (min !== max && this.#take("?")) greed = "lazy";
      } else if (this.#take("?")) greed = "lazy";
      else if (this.#take("+")) greed = "possessive";
      node = { kind: "repeat", node, min, max, greed };
    }
  }

  #limits(): { min: number; max: number; isInterval: boolean } | null {
    if (this.#take("*")) return { min: 0, max: Infinity, isInterval: false };
    if (this.#take("+")) return { min: 1, max: Infinity, isInterval: false };
    if (this.#take("?")) return { min: 0, max: 1, isInterval: false };
    const found = /^\{(\d*)(,?)(\d*)\}/.exec(
      this.#cursor.source.slice(this.#cursor.at, this.#cursor.at + 24),
    );
    if (found === null || (found[1] === "" && found[3] === "")) return null;
    this.#cursor.at += found[0].length;
    const min = found[1] === "" ? 0 : Number(found[1]);
    const max = found[2] === ""
      ? min
      : found[3] === ""
      ? Infinity
      : Number(found[3]);
    if (min > max) throw new ExpressionProblem("a repetition runs backwards");
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Infinity)) {
      throw new ExpressionProblem(`it repeats more than ${MAX_REPEAT} times`);
    }
    return { min, max, isInterval: true };
  }
}

const LOOKS = [
  ["(?=", false, false],
  ["(?!", false, true],
  ["(?<=", true, false],
  ["(?<!", true, true],
] as const;

function anchor(at: Anchor): Node {
  return { kind: "anchor", anchor: at };
}
