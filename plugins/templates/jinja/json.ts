/**
 * JSON as Python's `json.dumps(..., ensure_ascii=False)` writes it, which is what transformers' filter
 * `tojson` does. Strings keep their origins.
 * @module
 */
import { Traced, TracedBuilder } from "./traced.ts";
import {
  compare,
  Dict,
  Float,
  isTrue,
  JinjaError,
  type Key,
  keyValue,
  List,
  numberText,
  typeName,
  type Value,
} from "./values.ts";

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
export function jsonOptions(
  named: ReadonlyMap<string, Value>,
  indent: Value,
): JsonOptions {
  const wanted = named.get("indent") ?? indent;
  const indentText = typeof wanted === "number"
    ? " ".repeat(wanted)
    : wanted instanceof Traced
    ? wanted.text
    : null;
  const separators = named.get("separators");
  const texts = separators instanceof List
    ? separators.items.map((item) => item instanceof Traced ? item.text : "")
    : [indentText === null ? ", " : ",", ": "];
  return {
    indent: indentText,
    itemSeparator: texts[0] ?? ", ",
    keySeparator: texts[1] ?? ": ",
    sortKeys: isTrue(named.get("sort_keys")),
    ensureAscii: isTrue(named.get("ensure_ascii")),
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
  else if (typeof value === "number" || value instanceof Float) {
    out.text(numberText(value));
  } else if (value instanceof Traced) writeString(value, options, out);
  else if (value instanceof List) {
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
      (character) => JSON.stringify(character).slice(1, -1),
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
