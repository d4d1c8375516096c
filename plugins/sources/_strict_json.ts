/**
 * JSON as training data may have it: no NaN, no duplicate keys, no half surrogates, bounded nesting.
 * What `JSON.parse` lets pass or names badly is found here, with its place.
 * @module
 */
import { exactJson, type RawRecord } from "@denotune/denotune/core";
import { RowProblem } from "./_row_problem.ts";

/** A row of JSON: its value, and the numbers as they were written. Throws {@linkcode RowProblem}. */
export function parseJsonRow(
  text: string,
  maxDepth: number,
): Omit<RawRecord, "where"> {
  const value = parseStrictJson(text, maxDepth);
  const exact = exactJson(text);
  return exact === undefined ? { value } : { value, exact };
}

/** The value of a JSON text. Throws {@linkcode RowProblem}. */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  const members = countMembers(text, maxDepth);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw explain(text, cause);
  }
  if (membersOf(value) !== members) throw duplicateKey(text);
  if (/\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(value)) {
    const offset = text.search(/\\u[dD][89a-fA-F]/);
    throw new RowProblem(
      "a string holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; remove or repair it",
      offset,
    );
  }
  return value;
}

/** Members of all objects, counted in the text; checks the nesting, so that nothing after it recurses deeply. */
function countMembers(text: string, maxDepth: number): number {
  let members = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x3a: // :
        members++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxDepth) {
          throw new RowProblem(
            `lists and objects are nested more than ${maxDepth} deep; flatten the row, or raise max_depth (an option of \`source\`)`,
            i,
          );
        }
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
    }
  }
  return members;
}

/** Index of the quote that closes the string opened at `start`; the text's length where none does. */
function endOfString(text: string, start: number): number {
  let end = start;
  while ((end = text.indexOf('"', end + 1)) !== -1) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += membersOf(item);
    return members;
  }
  for (const item of Object.values(value)) members += 1 + membersOf(item);
  return members;
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, item]) =>
    key.isWellFormed() && isWellFormed(item)
  );
}

function duplicateKey(text: string): RowProblem {
  const open: (Set<string> | null)[] = []; // null for a list
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{") open.push(new Set());
    else if (c === "[") open.push(null);
    else if (c === "}" || c === "]") open.pop();
    else if (c === '"') {
      const start = i;
      i = endOfString(text, i);
      const keys = open[open.length - 1];
      if (
        keys == null || !/^\s*:/.test(text.slice(i + 1, i + 64).trimStart())
      ) continue;
      const key: unknown = JSON.parse(text.slice(start, i + 1));
      if (typeof key !== "string") continue;
      if (keys.has(key)) {
        return new RowProblem(
          `the key ${
            JSON.stringify(key)
          } occurs twice in one object; keep one of them`,
          start,
        );
      }
      keys.add(key);
    }
  }
  return new RowProblem("an object has a key twice; keep one of them", 0);
}

function explain(text: string, cause: unknown): RowProblem {
  const named = findName(text);
  if (named !== null) {
    return new RowProblem(
      `found ${named.name}, which JSON does not have; write null or a number`,
      named.offset,
    );
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  const position = / at position (\d+)/.exec(message);
  const plain = message.replace(/ in JSON at position.*$/s, "")
    .replace(/, (\.\.\.)?".*" is not valid JSON$/s, "");
  return new RowProblem(
    `is not valid JSON: ${plain}`,
    position === null ? unexpectedAt(text, message) : Number(position[1]),
  );
}

/** V8 gives no position with "Unexpected token": the end of input, else the first place of that excerpt. */
function unexpectedAt(text: string, message: string): number {
  if (message.startsWith("Unexpected end")) return text.length;
  const excerpt = /, (?:\.\.\.)?"(.*?)(?:"\.\.\.)?" is not valid JSON$/s.exec(
    message,
  )?.[1];
  const token = /^Unexpected token '(.+?)'/su.exec(message)?.[1];
  if (excerpt === undefined || token === undefined) return 0;
  const around = text.indexOf(excerpt.replace(/\.\.\.$/, ""));
  // the token is in the middle of the excerpt, which V8 cuts to ten units on either side
  const at = around < 0
    ? -1
    : text.indexOf(token, around + (around > 0 ? 10 : 0));
  return Math.max(at, 0);
}

function findName(text: string): { name: string; offset: number } | null {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') i = endOfString(text, i);
    else if (/[-NI]/.test(text[i])) {
      const name = /^(NaN|-?Infinity)\b/.exec(text.slice(i, i + 12))?.[1];
      if (name !== undefined) return { name, offset: i };
    }
  }
  return null;
}
