/**
 * Classes of characters, as Oniguruma and Python write them, in JavaScript's notation (flag `v`).
 * @module
 */

/** Whose notation an expression is in. */
export type Dialect = "oniguruma" | "python";

/** What cannot be read, in words. */
export class ExpressionProblem extends Error {}

const WORD = {
  oniguruma: String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`,
  python: String.raw`\p{L}\p{N}_`,
} as const;
const SPACE = String.raw`\p{White_Space}`;

const POSIX: Readonly<Record<string, string>> = {
  alnum: String.raw`\p{Alphabetic}\p{Nd}`,
  alpha: String.raw`\p{Alphabetic}`,
  ascii: String.raw`\u{0}-\u{7f}`,
  blank: String.raw`\p{Zs}\u{9}`,
  cntrl: String.raw`\p{Cc}`,
  digit: String.raw`\p{Nd}`,
  graph: String.raw`[^\p{White_Space}\p{Cc}\p{Cn}\p{Cs}]`,
  lower: String.raw`\p{Lowercase}`,
  print: String.raw`[[^\p{Cc}\p{Cn}\p{Cs}\p{White_Space}]\p{Zs}]`,
  punct: String.raw`\p{P}\p{S}`,
  space: SPACE,
  upper: String.raw`\p{Uppercase}`,
  word: WORD.oniguruma,
  xdigit: "0-9A-Fa-f",
};

const SIMPLE: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  f: 12,
  v: 11,
  a: 7,
  e: 27,
};

/** A position in the text of an expression. */
export interface Cursor {
  readonly source: string;
  at: number;
  readonly dialect: Dialect;
}

/** A code point as a class writes it. */
export function inClass(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

/** The character at the cursor, which moves on. */
export function takeChar(cursor: Cursor): number {
  const code = cursor.source.codePointAt(cursor.at);
  if (code === undefined) throw new ExpressionProblem("it ends too early");
  cursor.at += code > 0xffff ? 2 : 1;
  return code;
}

/**
 * The escape after a backslash: the inside of a class for a class (`\s`, `\p{L}`), or one character;
 * null if it is something else, and the cursor has not moved.
 */
export function takeEscape(cursor: Cursor): string | number | null {
  const { source, dialect } = cursor;
  const letter = source[cursor.at];
  const take = <T>(value: T): T => {
    cursor.at++;
    return value;
  };
  switch (letter) {
    case undefined:
      throw new ExpressionProblem("it ends with a backslash");
    case "d":
      return take(String.raw`\p{Nd}`);
    case "D":
      return take(String.raw`\P{Nd}`);
    case "s":
      return take(SPACE);
    case "S":
      return take(String.raw`\P{White_Space}`);
    case "w":
      return take(WORD[dialect]);
    case "W":
      return take(`[^${WORD[dialect]}]`);
    case "p":
    case "P":
      return takeProperty(cursor);
    case "u":
      return takeHex(cursor, 4);
    case "x":
      return takeHex(cursor, 2);
  }
  if (dialect === "oniguruma" && letter === "h") return take("0-9A-Fa-f");
  if (dialect === "oniguruma" && letter === "H") return take("[^0-9A-Fa-f]");
  if (letter === "0") {
    const [digits] = /^[0-7]{1,3}/.exec(source.slice(cursor.at)) ?? ["0"];
    cursor.at += digits.length;
    return parseInt(digits, 8);
  }
  if (Object.hasOwn(SIMPLE, letter)) return take(SIMPLE[letter]);
  return /[A-Za-z0-9]/.test(letter) ? null : takeChar(cursor);
}

function takeHex(cursor: Cursor, digits: number): number {
  const rest = cursor.source.slice(cursor.at + 1, cursor.at + 12);
  const found = /^\{([0-9A-Fa-f]{1,6})\}/.exec(rest) ??
    new RegExp(`^([0-9A-Fa-f]{1,${digits}})`).exec(rest);
  const code = found === null ? NaN : parseInt(found[1], 16);
  if (found === null || code > 0x10ffff) {
    throw new ExpressionProblem(
      `it has a character without a number at ${cursor.at}`,
    );
  }
  cursor.at += 1 + found[0].length;
  return code;
}

/** `\p{L}`, `\p{^Han}`, `\pL`: names count without capitals, spaces, `_` and `-`. */
function takeProperty(cursor: Cursor): string {
  const rest = cursor.source.slice(cursor.at, cursor.at + 60);
  const found = /^([pP])(?:\{(\^?)([^}]{1,50})\}|()([A-Z]))/.exec(rest);
  if (found === null) {
    throw new ExpressionProblem(`it has a property without a name`);
  }
  cursor.at += found[0].length;
  const name = found[3] ?? found[5];
  const inside = propertyClass(name);
  const isNegative = (found[1] === "P") !== (found[2] === "^");
  return isNegative ? `[^${inside}]` : inside;
}

function propertyClass(name: string): string {
  const plain = name.toLowerCase().replace(/[\s_-]/g, "");
  if (plain === "punct") return String.raw`\p{P}`; // without the symbols of [:punct:]
  if (Object.hasOwn(POSIX, plain)) return POSIX[plain];
  if (plain === "any") return String.raw`\u{0}-\u{10ffff}`;
  const words = name.trim().split(/[\s_-]+/).map((word) =>
    word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()
  );
  const written = [name, words.join("_"), name.toUpperCase()];
  for (const one of written) {
    for (const property of [one, `Script=${one}`]) {
      if (!/^[\w=]+$/.test(property)) continue;
      try {
        new RegExp(`\\p{${property}}`, "v");
        return `\\p{${property}}`;
      } catch {
        // not a name of this kind
      }
    }
  }
  throw new ExpressionProblem(`no property of characters is called "${name}"`);
}

/** A class, of which `[` is taken already: its inside in JavaScript's notation. */
export function takeClass(cursor: Cursor, depth: number): string {
  if (depth > 50) {
    throw new ExpressionProblem("its classes are nested too deep");
  }
  const { source, dialect } = cursor;
  const isNegative = source[cursor.at] === "^";
  if (isNegative) cursor.at++;
  const operands: string[] = [];
  let inside = "";
  for (let first = true;; first = false) {
    if (cursor.at >= source.length) {
      throw new ExpressionProblem("a class has no end");
    }
    if (source[cursor.at] === "]" && !first) {
      cursor.at++;
      break;
    }
    if (dialect === "oniguruma" && source.startsWith("&&", cursor.at)) {
      cursor.at += 2;
      operands.push(inside);
      inside = "";
      continue;
    }
    const from = takeMember(cursor, depth);
    const isRange = typeof from === "number" && source[cursor.at] === "-" &&
      cursor.at + 1 < source.length && source[cursor.at + 1] !== "]";
    if (!isRange) {
      inside += typeof from === "number" ? inClass(from) : from;
      continue;
    }
    cursor.at++;
    const to = takeMember(cursor, depth);
    if (typeof to === "string") inside += `${inClass(from)}\\u{2d}${to}`;
    else if (to < from) throw new ExpressionProblem("a range runs backwards");
    else inside += `${inClass(from)}-${inClass(to)}`;
  }
  const whole = [...operands, inside];
  const joined = whole.length === 1
    ? inside
    : `[${whole.map((one) => `[${one}]`).join("&&")}]`;
  return isNegative ? `[^${joined}]` : joined;
}

function takeMember(cursor: Cursor, depth: number): string | number {
  const { source, dialect } = cursor;
  if (source[cursor.at] === "\\") {
    cursor.at++;
    if (source[cursor.at] === "b") {
      cursor.at++;
      return 8;
    }
    const escape = takeEscape(cursor);
    if (escape === null) {
      throw new ExpressionProblem(
        `\\${source[cursor.at]} is not known in a class`,
      );
    }
    return escape;
  }
  if (dialect === "oniguruma" && source[cursor.at] === "[") {
    const posix = /^\[:(\^?)(\w{1,10}):\]/.exec(
      source.slice(cursor.at, cursor.at + 20),
    );
    if (posix !== null && Object.hasOwn(POSIX, posix[2])) {
      cursor.at += posix[0].length;
      const inside = POSIX[posix[2]];
      return posix[1] === "^" ? `[^${inside}]` : inside;
    }
    cursor.at++;
    return `[${takeClass(cursor, depth + 1)}]`;
  }
  return takeChar(cursor);
}

/**
 * The inside of the class of word characters. Outside of classes, Oniguruma counts the small digits and fractions
 * of Latin-1 among them.
 */
export function wordClass(dialect: Dialect): string {
  return dialect === "oniguruma"
    ? String.raw`${WORD.oniguruma}\u{b2}\u{b3}\u{b9}\u{bc}-\u{be}`
    : WORD.python;
}
