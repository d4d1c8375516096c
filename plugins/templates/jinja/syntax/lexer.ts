/**
 * A chat template in tokens, as Jinja2 cuts it with the settings of transformers: `trim_blocks` (the line's end
 * behind a block is dropped) and `lstrip_blocks` (so are the blanks before one that begins its line).
 * @module
 */
import { JinjaError } from "../error.ts";

/** A piece of a template. */
export interface Token {
  readonly type:
    | "data"
    | "open block"
    | "close block"
    | "open print"
    | "close print"
    | "name"
    | "string"
    | "integer"
    | "float"
    | "operator"
    | "end";
  /** Text of the token; for strings, their value. */
  readonly value: string;
  /** Line of the source, counted from 1. */
  readonly line: number;
}

const OPEN = /\{%|\{\{|\{#/g;
const RAW = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})/y;
const END_RAW = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g;
const END_COMMENT = /\+#\}|-#\}\s*|#\}\n?/g;
const END_BLOCK = /\+%\}|-%\}\s*|%\}\n?/y;
const END_PRINT = /-\}\}\s*|\}\}/y;
const SPACE = /\s+/y;
const FLOAT =
  /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const INTEGER =
  /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const STRING = /'([^'\\]*(?:\\[^][^'\\]*)*)'|"([^"\\]*(?:\\[^][^"\\]*)*)"/y;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/y;
const CLOSING: Readonly<Record<string, string>> = {
  ")": "(",
  "]": "[",
  "}": "{",
};

/** The tokens of a template. Throws {@linkcode JinjaError} naming the line. */
export function tokenize(template: string): readonly Token[] {
  return new Lexer(template).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** Up to where lines are counted. */
  #counted = 0;

  constructor(template: string) {
    // one line's end at the very end is the file's, not the template's
    this.#source = template.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  }

  run(): readonly Token[] {
    let atLineStart = true;
    while (this.#at < this.#source.length) {
      OPEN.lastIndex = this.#at;
      const open = OPEN.exec(this.#source);
      if (open === null) {
        this.#push("data", this.#source.slice(this.#at), this.#at);
        this.#at = this.#source.length;
        break;
      }
      const raw = open[0] === "{%" ? this.#match(RAW, open.index) : null;
      const sign = raw === null ? this.#source[open.index + 2] ?? "" : raw[1];
      const isSign = sign === "-" || (sign === "+" && open[0] !== "{{");
      this.#data(open.index, {
        sign,
        strips: open[0] !== "{{",
        atLineStart,
      });
      const body = open.index + 2 + (isSign ? 1 : 0);
      if (raw !== null) this.#raw(open.index + raw[0].length);
      else if (open[0] === "{#") this.#comment(body);
      else this.#code(body, open.index, open[0] === "{%");
      atLineStart = this.#source[this.#at - 1] === "\n";
    }
    this.#push("end", "", this.#source.length);
    return this.#tokens;
  }

  #lineOf(at: number): number {
    for (; this.#counted < at; this.#counted++) {
      if (this.#source.charCodeAt(this.#counted) === 0x0a) this.#line++;
    }
    return this.#line;
  }

  #push(type: Token["type"], value: string, at: number): void {
    if (type === "data" && value === "") return;
    this.#tokens.push({ type, value, line: this.#lineOf(at) });
  }

  #match(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#source);
  }

  #fail(message: string, at: number): never {
    throw new JinjaError(`${message} (line ${this.#lineOf(at)})`);
  }

  /** Text up to a tag, without the white space that the tag takes away. */
  #data(
    end: number,
    { sign, strips, atLineStart }: {
      readonly sign: string;
      readonly strips: boolean;
      readonly atLineStart: boolean;
    },
  ): void {
    let text = this.#source.slice(this.#at, end);
    if (sign === "-") text = text.trimEnd();
    else if (strips && sign !== "+") {
      const line = text.lastIndexOf("\n") + 1;
      if (
        (line > 0 || atLineStart) && line < text.length &&
        text.slice(line).trim() === ""
      ) text = text.slice(0, line);
    }
    this.#push("data", text, this.#at);
  }

  #raw(start: number): void {
    END_RAW.lastIndex = start;
    const end = END_RAW.exec(this.#source);
    if (end === null) this.#fail("Missing end of raw directive", start);
    this.#at = start;
    this.#data(end.index, { sign: end[1], strips: true, atLineStart: false });
    this.#at = end.index + end[0].length;
  }

  #comment(start: number): void {
    END_COMMENT.lastIndex = start;
    const end = END_COMMENT.exec(this.#source);
    if (end === null) this.#fail("Missing end of comment tag", start);
    this.#at = end.index + end[0].length;
  }

  /** The tokens of a block or of an expression that is printed. */
  #code(start: number, open: number, isBlock: boolean): void {
    this.#push(isBlock ? "open block" : "open print", "", open);
    const brackets: string[] = [];
    const ends = isBlock ? END_BLOCK : END_PRINT;
    this.#at = start;
    for (;;) {
      const end = brackets.length === 0 ? this.#match(ends, this.#at) : null;
      if (end !== null) {
        this.#push(isBlock ? "close block" : "close print", "", this.#at);
        this.#at += end[0].length;
        return;
      }
      if (this.#at >= this.#source.length) {
        this.#fail(
          `unexpected end of template, expected '${isBlock ? "%}" : "}}"}'`,
          open,
        );
      }
      const space = this.#match(SPACE, this.#at);
      if (space !== null) this.#at += space[0].length;
      else this.#token(brackets);
    }
  }

  #token(brackets: string[]): void {
    const at = this.#at;
    const take = (type: Token["type"], text: string, value = text): void => {
      this.#push(type, value, at);
      this.#at += text.length;
    };
    // `messages.0.role`: a number behind a point is no fraction
    const float = this.#source[at - 1] === "." ? null : this.#match(FLOAT, at);
    if (float !== null) return take("float", float[0]);
    const integer = this.#match(INTEGER, at);
    if (integer !== null) return take("integer", integer[0]);
    const name = this.#match(NAME, at);
    if (name !== null) return take("name", name[0]);
    const string = this.#match(STRING, at);
    if (string !== null) {
      return take("string", string[0], unescaped(string[1] ?? string[2]));
    }
    const operator = this.#match(OPERATOR, at)?.[0];
    if (operator === undefined) {
      this.#fail(`unexpected char ${JSON.stringify(this.#source[at])}`, at);
    }
    if ("([{".includes(operator)) brackets.push(operator);
    else if (operator in CLOSING && brackets.pop() !== CLOSING[operator]) {
      this.#fail(`unexpected '${operator}'`, at);
    }
    take("operator", operator);
  }
}

const ESCAPE =
  /\\(?:\n|([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([^]))/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** A string literal's text, by Python's escapes. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    ESCAPE,
    (all, octal?: string, x?: string, u?: string, U?: string, c?: string) => {
      if (octal !== undefined) {
        return String.fromCharCode(parseInt(octal, 8));
      }
      const hex = x ?? u ?? U;
      if (hex !== undefined) {
        const code = parseInt(hex, 16);
        if (code > 0x10ffff) {
          throw new JinjaError(`illegal Unicode character ${all}`);
        }
        return String.fromCodePoint(code);
      }
      if (c === "N" || c === "x" || c === "u" || c === "U") {
        throw new JinjaError(`malformed \\${c} character escape`);
      }
      return c === undefined ? "" : ESCAPES[c] ?? all;
    },
  );
}
