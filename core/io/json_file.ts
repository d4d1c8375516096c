/**
 * JSON files of models: read, with line and column of what is broken, and written as Python writes them.
 * @module
 */
import { DataError } from "../contracts/errors.ts";

/** Bytes of a JSON file at most: the largest tokenizers and indices have some 30 million. */
const MOST_BYTES = 256e6;

/** An object of JSON. */
export type JsonObject = { readonly [key: string]: unknown };

/** The object in a JSON file, or null where there is no such file. Throws `DataError` with file:line:column. */
export function readJsonObject(path: string): JsonObject | null {
  let text: string;
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) throw new DataError(`Cannot read ${path}: it is no file`);
    if (size > MOST_BYTES) {
      throw new DataError(
        `Cannot read ${path}: it has ${size} bytes, which is too much for settings (${MOST_BYTES} at most)`,
      );
    }
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    if (error instanceof Deno.errors.NotFound) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(`Cannot read ${path}: ${reason}`, { cause: error });
  }
  const value = parseJson(text, path);
  if (!isObject(value)) {
    const found = value === null
      ? "null"
      : Array.isArray(value)
      ? "a list"
      : `a ${typeof value}`;
    throw new DataError(`${path}: expected a JSON object, found ${found}`);
  }
  return value;
}

/** The value of a JSON text; `where` names it in the `DataError`. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const offset = firstError(text);
    const before = text.slice(0, offset).split("\n");
    const found = offset >= text.length
      ? "the text ends too early"
      : `unexpected ${JSON.stringify(text[offset])}`;
    const place = `${where}:${before.length}:${
      before[before.length - 1].length + 1
    }`;
    throw new DataError(`${place}: broken JSON: ${found}`, { cause: error });
  }
}

/** JSON with an indent of 2 and a newline at the end. */
export function showJson(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

/** Whether a value is an object of JSON: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// deno-lint-ignore no-control-regex -- JSON forbids control characters in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/** Where a text that is no JSON goes wrong: V8 gives no place for an unexpected token. */
function firstError(text: string): number {
  const open: ("}" | "]")[] = [];
  let at = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) return false;
    at += found[0].length;
    return true;
  };
  const next = (): string => {
    take(SPACE);
    return text[at] ?? "";
  };
  /** A key and its colon. */
  const key = (): boolean => {
    next();
    if (!take(STRING) || next() !== ":") return false;
    at++;
    return true;
  };
  for (;;) {
    // a value starts here
    const first = next();
    if (first === "{" || first === "[") {
      const close = first === "{" ? "}" : "]";
      at++;
      if (next() === close) at++;
      else {
        open.push(close);
        if (close === "}" && !key()) return at;
        continue;
      }
    } else if (!take(STRING) && !take(SCALAR)) return at;
    // a value ended here
    for (;;) {
      const after = next();
      const close = open[open.length - 1];
      if (close === undefined) return at;
      if (after === close) {
        at++;
        open.pop();
        continue;
      }
      if (after !== ",") return at;
      at++;
      if (close === "}" && !key()) return at;
      break;
    }
  }
}
