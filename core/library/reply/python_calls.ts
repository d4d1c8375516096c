/**
 * Calls as Python writes them, `[weather(city="Paris", days=3), now()]`, with literals as arguments.
 * @module
 */

/** A call and its named arguments. */
export interface PythonCall {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What a literal may nest, so that hostile text cannot exhaust the stack. */
const MOST_DEPTH = 64;

/** The calls of a list, or one call without brackets. Null where the text is something else. */
export function readPythonCalls(text: string): readonly PythonCall[] | null {
  const reader = new Reader(text);
  try {
    return reader.calls();
  } catch (cause) {
    if (cause instanceof NoCall) return null;
    throw cause;
  }
}

class NoCall extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  calls(): PythonCall[] {
    const isList = this.#takes("[");
    const calls = isList
      ? this.#until("]", () => this.#call())
      : [this.#call()];
    this.#space();
    if (this.#at < this.#text.length || calls.length === 0) throw new NoCall();
    return calls;
  }

  #call(): PythonCall {
    const name = this.#match(/[A-Za-z_][\w.]*/y);
    if (!this.#takes("(")) throw new NoCall();
    const values = this.#until(")", () => {
      const key = this.#match(/[A-Za-z_]\w*/y);
      if (!this.#takes("=")) throw new NoCall();
      return [key, this.#value(0)] as const;
    });
    return { name, values: Object.fromEntries(values) };
  }

  #value(depth: number): unknown {
    if (depth > MOST_DEPTH) throw new NoCall();
    if (this.#takes("[")) return this.#until("]", () => this.#value(depth + 1));
    if (this.#takes("(")) return this.#until(")", () => this.#value(depth + 1));
    if (this.#takes("{")) {
      return Object.fromEntries(this.#until("}", () => {
        const key = this.#value(depth + 1);
        if (!this.#takes(":")) throw new NoCall();
        return [String(key), this.#value(depth + 1)] as const;
      }));
    }
    this.#space();
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return this.#string(quote);
    const word = this.#match(/[\w.+-]+/y);
    switch (word) {
      case "True":
      case "true":
        return true;
      case "False":
      case "false":
        return false;
      case "None":
      case "null":
        return null;
    }
    const number = Number(word.replaceAll("_", ""));
    if (!Number.isFinite(number)) throw new NoCall();
    return number;
  }

  #string(quote: string): string {
    let out = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === quote) {
        this.#at++;
        return out;
      }
      if (c !== "\\") {
        out += c;
        continue;
      }
      const escaped = this.#text[++this.#at];
      const unicode = /u([0-9a-fA-F]{4})/y;
      unicode.lastIndex = this.#at;
      const found = unicode.exec(this.#text);
      if (found !== null) {
        out += String.fromCharCode(parseInt(found[1], 16));
        this.#at += 4;
      } else out += { n: "\n", t: "\t", r: "\r" }[escaped] ?? escaped;
    }
    throw new NoCall();
  }

  /** What stands between commas up to `end`. */
  #until<T>(end: string, one: () => T): T[] {
    const all: T[] = [];
    while (!this.#takes(end)) {
      all.push(one());
      if (!this.#takes(",")) {
        if (this.#takes(end)) break;
        throw new NoCall();
      }
    }
    return all;
  }

  #takes(c: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string {
    this.#space();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw new NoCall();
    this.#at += found[0].length;
    return found[0];
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}
