/**
 * JSON as Python's `json.dumps(..., ensure_ascii=False)` writes it, which is what transformers' filter
 * `tojson` does. Strings keep their origins.
 * @module
 */
import { JinjaError } from "../error.ts";
import { numberText } from "./print.ts";
import { argument } from "./text_arguments.ts";
import { repeated, Traced, TracedBuilder } from "../traced.ts";
import {
  type Arguments,
  compare,
  Dict,
  Float,
  isTrue,
  type Key,
  keyValue,
  List,
  typeName,
  type Value,
} from "../values.ts";

/** How to write. */
export interface JsonOptions {
  /** What a level is indented by; null = all in one line. */
  readonly indent: string | null;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
  readonly ensureAscii: boolean;
}

const COMPACT: JsonOptions = {
  indent: null,
  itemSeparator: ", ",
  keySeparator: ": ",
  sortKeys: false,
  ensureAscii: false,
};

/** Writes a value as JSON. */
export function toJson(value: Value, options: JsonOptions = COMPACT): Traced {
  const out = new TracedBuilder();
  writeJson(value, options, "\n", out);
  return out.finish();
}

/** The options that the filter's arguments ask for. */
export function jsonOptions(args: Arguments): JsonOptions {
  const wanted = argument(args, 1, "indent");
  const indent = typeof wanted === "number"
    ? repeated(" ", Math.max(0, wanted))
    : wanted instanceof Traced
    ? wanted.text
    : null;
  const separators = argument(args, 2, "separators");
  const texts = separators instanceof List
    ? separators.items.map((item) => item instanceof Traced ? item.text : "")
    : [indent === null ? ", " : ",", ": "];
  return {
    indent,
    itemSeparator: texts[0] ?? ", ",
    keySeparator: texts[1] ?? ": ",
    sortKeys: isTrue(argument(args, 3, "sort_keys")),
    ensureAscii: isTrue(argument(args, 0, "ensure_ascii")),
  };
}

function writeJson(
  value: Value,
  options: JsonOptions,
  line: string,
  out: TracedBuilder,
): void {
  if (value === null) out.text("null");
  else if (typeof value === "boolean") out.text(String(value));
  else if (typeof value === "number" || typeof value === "bigint") {
    out.text(numberText(value));
  } else if (value instanceof Float) {
    const names: Record<string, string> = {
      inf: "Infinity",
      "-inf": "-Infinity",
      nan: "NaN",
    };
    const text = numberText(value);
    out.text(names[text] ?? text);
  } else if (value instanceof Traced) writeString(value, options, out);
  else if (
    value instanceof List && (value.kind === "list" || value.kind === "tuple")
  ) {
    writeItems(["[", "]"], value.items, options, line, out, (item, inner) => {
      writeJson(item, options, inner, out);
    });
  } else if (value instanceof Dict) {
    const entries = [...value.entries];
    if (options.sortKeys) {
      entries.sort(([a], [b]) => compare(keyValue(a), keyValue(b)));
    }
    writeItems(
      ["{", "}"],
      entries,
      options,
      line,
      out,
      ([key, item], inner) => {
        writeString(jsonKey(key), options, out);
        out.text(options.keySeparator);
        writeJson(item, options, inner, out);
      },
    );
  } else {throw new JinjaError(
      `Object of type ${typeName(value)} is not JSON serializable`,
    );}
}

/** JSON has no keys but strings: Python writes others as it writes them as values. */
function jsonKey(key: Key): Traced {
  const value = keyValue(key);
  return value instanceof Traced ? value : toJson(value);
}

function writeItems<T>(
  [open, close]: readonly [string, string],
  items: readonly T[],
  options: JsonOptions,
  line: string,
  out: TracedBuilder,
  write: (item: T, line: string) => void,
): void {
  const inner = options.indent === null ? "" : line + options.indent;
  out.text(open);
  items.forEach((item, i) => {
    if (i > 0) out.text(options.itemSeparator);
    out.text(inner);
    write(item, inner);
  });
  if (items.length > 0 && options.indent !== null) out.text(line);
  out.text(close);
}

function writeString(
  value: Traced,
  options: JsonOptions,
  out: TracedBuilder,
): void {
  out.text('"');
  out.add(value.map((text) => {
    const escaped = text.replace(
      /["\\\p{Cc}]/gu,
      // of the controls, only those below the space are escaped
      (character) =>
        character < "\x7f" ? JSON.stringify(character).slice(1, -1) : character,
    );
    return options.ensureAscii
      ? escaped.replace(
        /[\x7f-\uffff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
      : escaped;
  }));
  out.text('"');
}
