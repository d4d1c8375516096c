/**
 * Values as text: what `{{ value }}` writes, and Python's `repr`.
 * @module
 */
import { Traced, TracedBuilder } from "../traced.ts";
import {
  Callable,
  Dict,
  Float,
  keyValue,
  List,
  typeName,
  type Value,
} from "../values.ts";

/** The text that `{{ value }}` writes. */
export function toText(value: Value): Traced {
  if (value instanceof Traced) return value;
  if (value === undefined) return Traced.of("");
  return repr(value);
}

/** A value as Python's `repr` writes it. */
export function repr(value: Value): Traced {
  const builder = new TracedBuilder();
  writeRepr(value, builder);
  return builder.finish();
}

function writeRepr(value: Value, out: TracedBuilder): void {
  if (value === undefined) out.text("Undefined");
  else if (value === null) out.text("None");
  else if (typeof value === "boolean") out.text(value ? "True" : "False");
  else if (
    typeof value === "number" || typeof value === "bigint" ||
    value instanceof Float
  ) out.text(numberText(value));
  else if (value instanceof Traced) writeQuoted(value, out);
  else if (value instanceof List) writeList(value, out);
  else if (value instanceof Dict) {
    out.text("{");
    let first = true;
    for (const [key, item] of value.entries) {
      if (!first) out.text(", ");
      first = false;
      writeRepr(keyValue(key), out);
      out.text(": ");
      writeRepr(item, out);
    }
    out.text("}");
  } else {
    out.text(
      value instanceof Callable ? "<function>" : `<${typeName(value)} object>`,
    );
  }
}

function writeList({ items, kind, shown }: List, out: TracedBuilder): void {
  if (shown !== null) return out.text(shown);
  const isView = kind !== "list" && kind !== "tuple";
  const [open, close] = kind === "tuple" ? "()" : "[]";
  if (isView) out.text(`${kind}(`);
  out.text(open);
  items.forEach((item, i) => {
    if (i > 0) out.text(", ");
    writeRepr(item, out);
  });
  if (kind === "tuple" && items.length === 1) out.text(",");
  out.text(close);
  if (isView) out.text(")");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
/** What Python's `repr` does not print as it is: controls, separators but the space, surrogates, private use. */
const UNPRINTABLE = /[\\'\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/gu;

function writeQuoted(value: Traced, out: TracedBuilder): void {
  const quote = value.text.includes("'") && !value.text.includes('"')
    ? '"'
    : "'";
  out.text(quote);
  out.add(value.map((text) =>
    text.replace(UNPRINTABLE, (character) => {
      if (character === "'") return quote === "'" ? "\\'" : "'";
      if (character === " ") return character;
      const known = ESCAPES[character];
      if (known !== undefined) return known;
      const code = character.codePointAt(0) ?? 0;
      const hex = code.toString(16);
      if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
      return code < 0x10000
        ? `\\u${hex.padStart(4, "0")}`
        : `\\U${hex.padStart(8, "0")}`;
    })
  ));
  out.text(quote);
}

/** A number as Python writes it. */
export function numberText(value: number | bigint | Float): string {
  if (typeof value === "bigint") return String(value);
  const number = typeof value === "number" ? value : value.value;
  if (!Number.isFinite(number)) {
    return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  if (typeof value === "number" && Number.isInteger(value)) {
    return value === 0 ? "0" : String(BigInt(value));
  }
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return number.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = Object.is(number, -0) ? "-0" : String(number);
  return Number.isInteger(number) ? `${text}.0` : text;
}
