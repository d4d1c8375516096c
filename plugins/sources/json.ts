/**
 * JSON: a list of rows, plain or in gzip or zstd. Files named `.json` that hold JSON Lines, as many do, are
 * read as such. An object around the list is refused, with the way out.
 * @module
 */
import {
  DataError,
  definePart,
  type Part,
  type Source,
} from "@denotune/denotune/core";
import { z } from "zod";
import { type FileLimits, fileLimits } from "./_options.ts";
import { arrayScanner } from "./scan/array.ts";
import {
  lineScanner,
  type Scanner,
  type ScannerOptions,
} from "./scan/lines.ts";
import { textSource } from "./_text_source.ts";

const options = z.strictObject(fileLimits);

/** Reads `.json`, its `.gz` and `.zst`, and files of other names that start with `[` or `{`. */
export const json: Part<"source", Partial<FileLimits>, FileLimits> = definePart(
  {
    kind: "source",
    name: "json",
    description:
      "JSON: a list of rows (or JSON Lines under the name .json), plain or in gzip or zstd",
    options,
    create: (limits: FileLimits): Source =>
      textSource({
        accepts: ({ path, head }) =>
          /\.json(\.(gz|zst|zstd))?$/i.test(path) ||
          (!/\.\w+$/.test(path) &&
            /^(\xef\xbb\xbf)?\s*[[{]/.test(latin1(head))),
        kind: { scanner, isJson: true },
        limits,
      }),
  },
);

function scanner(options: ScannerOptions, head: Uint8Array): Scanner {
  const text = new TextDecoder().decode(head).trimStart();
  if (!text.startsWith("{")) return arrayScanner(options);
  const newline = text.indexOf("\n");
  const secondRow = newline !== -1 && /^\s*\{/.test(text.slice(newline));
  const key = listKey(text);
  if (
    secondRow || (key === null && newline === -1) ||
    (key === null && isJson(text.slice(0, newline)))
  ) {
    return lineScanner(options);
  }
  throw new DataError(
    `${options.path}:1: found one object, not a list of rows; ` +
      (key === null
        ? "write the rows as a list, [{...}, ...], or one a line"
        : `its rows seem to stand under ${
          JSON.stringify(key)
        }: write that list alone, ` +
          `jq '.${key}' in.json > rows.json (if the object is one row, name the file .jsonl)`),
  );
}

/** Key of the first list of objects in the outermost object, or null. */
function listKey(text: string): string | null {
  let depth = 0;
  let last = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const string = /"((?:[^"\\]|\\.)*)"/sy;
      string.lastIndex = i;
      const found = string.exec(text);
      if (found === null) return null;
      i = string.lastIndex - 1;
      last = found[1];
    } else if (
      c === "[" && depth === 1 && /^\[\s*\{/.test(text.slice(i, i + 64))
    ) return last;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
  }
  return null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 64));
}
