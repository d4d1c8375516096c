/**
 * What values are while a chat template runs, and how Python prints and compares them.
 * @module
 */
import { Traced, TracedBuilder } from "./traced.ts";

/** A value of the template language; `undefined` is Jinja's undefined, `null` is None. */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | Float
  | Traced
  | List
  | Dict
  | Namespace
  | Callable;

/** What a template cannot do: `message` says it as Python would. */
export class JinjaError extends Error {}

/** A number that prints with a decimal point. Whole numbers are plain `number`. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A list or a tuple. */
export class List {
  readonly items: readonly Value[];
  readonly tuple: boolean;
  constructor(items: readonly Value[], tuple = false) {
    this.items = items;
    this.tuple = tuple;
  }
}

/** What a dict may have as a key. Whole numbers are one key, with or without a decimal point. */
export type Key = string | number | boolean | null;

/** The key that a value is. Throws {@linkcode JinjaError} for what has no hash. */
export function keyOf(value: Value): Key {
  if (value instanceof Traced) return value.text;
  if (value instanceof Float) return value.value;
  if (
    value === null || typeof value === "number" || typeof value === "boolean"
  ) return value;
  throw new JinjaError(`unhashable type: '${typeName(value)}'`);
}

/** A key as a value. */
export function keyValue(key: Key): Value {
  if (typeof key === "string") return Traced.of(key);
  return typeof key === "number" && !Number.isInteger(key)
    ? new Float(key)
    : key;
}

/** A dict. `message`: its index, where it is one of the conversation's messages. */
export class Dict {
  readonly entries: Map<Key, Value>;
  readonly message: number | null;
  constructor(entries: Map<Key, Value>, message: number | null = null) {
    this.entries = entries;
    this.message = message;
  }
}

/** What `namespace()` makes: attributes that may be set. */
export class Namespace {
  readonly entries: Map<string, Value>;
  constructor(entries: Map<string, Value>) {
    this.entries = entries;
  }
}

/** Arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A macro, a method or a function. */
export class Callable {
  readonly call: (args: Arguments) => Value;
  constructor(call: (args: Arguments) => Value) {
    this.call = call;
  }
}

/** The name of a value's type, as Python's messages give it. */
export function typeName(value: Value): string {
  if (value === undefined) return "Undefined";
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Traced) return "str";
  if (value instanceof List) return value.tuple ? "tuple" : "list";
  if (value instanceof Dict) return "dict";
  return value instanceof Namespace ? "Namespace" : "function";
}

/** Whether a value counts as true. */
export function isTrue(value: Value): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Traced) return value.text !== "";
  if (value instanceof List) return value.items.length > 0;
  if (value instanceof Dict) return value.entries.size > 0;
  return true;
}

/** The number that a value is, or null. Booleans count as 0 and 1. */
export function asNumber(value: Value): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Float ? value.value : null;
}

/** Whether two values are equal, as `==` says. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  const x = asNumber(a);
  if (x !== null) return x === asNumber(b);
  if (a instanceof Traced) return b instanceof Traced && a.text === b.text;
  if (a instanceof List) {
    return b instanceof List && a.tuple === b.tuple &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => isEqual(item, b.items[i]));
  }
  if (a instanceof Dict) {
    return b instanceof Dict && a.entries.size === b.entries.size &&
      [...a.entries].every(([key, value]) =>
        b.entries.has(key) && isEqual(value, b.entries.get(key))
      );
  }
  return false;
}

/** Less than 0, 0 or more, as `a` is before, at or after `b`. */
export function compare(a: Value, b: Value, operator = "<"): number {
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== null && y !== null) return x - y;
  if (a instanceof Traced && b instanceof Traced) {
    return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
  }
  if (a instanceof List && b instanceof List) {
    for (let i = 0; i < Math.min(a.items.length, b.items.length); i++) {
      if (!isEqual(a.items[i], b.items[i])) {
        return compare(a.items[i], b.items[i], operator);
      }
    }
    return a.items.length - b.items.length;
  }
  throw new JinjaError(
    `'${operator}' not supported between instances of '${typeName(a)}' and '${
      typeName(b)
    }'`,
  );
}

/** What a value holds, for loops and list filters. */
export function iterate(value: Value): readonly Value[] {
  if (value === undefined) return [];
  if (value instanceof List) return value.items;
  if (value instanceof Dict) {
    return [...value.entries.keys()].map(keyValue);
  }
  if (value instanceof Traced) return characters(value);
  throw new JinjaError(`'${typeName(value)}' object is not iterable`);
}

/** The characters (code points) of a text. */
export function characters(value: Traced): Traced[] {
  const result: Traced[] = [];
  for (let i = 0; i < value.text.length;) {
    const next = i + (value.text.codePointAt(i)! > 0xffff ? 2 : 1);
    result.push(value.slice(i, next));
    i = next;
  }
  return result;
}

/** Number of items, keys or characters. */
export function lengthOf(value: Value): number {
  if (value instanceof Traced) {
    return /[\ud800-\udfff]/.test(value.text)
      ? characters(value).length
      : value.text.length;
  }
  if (value instanceof Dict) return value.entries.size;
  if (value === undefined || value instanceof List) {
    return iterate(value).length;
  }
  throw new JinjaError(`object of type '${typeName(value)}' has no len()`);
}

/** The text that `{{ value }}` writes. */
export function toText(value: Value): Traced {
  if (value instanceof Traced) return value;
  if (value === undefined) return Traced.of("");
  const builder = new TracedBuilder();
  writeRepr(value, builder);
  return builder.finish();
}

/** Writes a value as Python's `repr` does. */
export function writeRepr(value: Value, out: TracedBuilder): void {
  if (value === undefined) out.text("Undefined");
  else if (value === null) out.text("None");
  else if (typeof value === "boolean") out.text(value ? "True" : "False");
  else if (typeof value === "number" || value instanceof Float) {
    out.text(numberText(value));
  } else if (value instanceof Traced) writeQuoted(value, out);
  else if (value instanceof List) {
    out.text(value.tuple ? "(" : "[");
    value.items.forEach((item, i) => {
      if (i > 0) out.text(", ");
      writeRepr(item, out);
    });
    if (value.tuple && value.items.length === 1) out.text(",");
    out.text(value.tuple ? ")" : "]");
  } else if (value instanceof Dict) {
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
  } else out.text(`<${typeName(value)}>`);
}

function writeQuoted(value: Traced, out: TracedBuilder): void {
  const quote = value.text.includes("'") && !value.text.includes('"')
    ? '"'
    : "'";
  out.text(quote);
  out.add(value.map((text) =>
    text.replace(/[\\'\n\r\t]/g, (character) => {
      if (character === "'") return quote === "'" ? "\\'" : "'";
      const escapes: Record<string, string> = {
        "\\": "\\\\",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
      };
      return escapes[character];
    })
  ));
  out.text(quote);
}

/** A number as Python writes it. */
export function numberText(value: number | Float): string {
  const number = typeof value === "number" ? value : value.value;
  if (!Number.isFinite(number)) {
    return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  if (typeof value === "number" && Number.isInteger(value)) {
    return Number.isSafeInteger(value)
      ? String(value)
      : BigInt(value).toString();
  }
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return number.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

/** Plain data as a value: strings become text of the given origin. */
export function toValue(data: unknown, tag = 0): Value {
  switch (typeof data) {
    case "string":
      return Traced.of(data, tag);
    case "boolean":
      return data;
    case "number":
      return Number.isInteger(data) ? data : new Float(data);
    case "object":
      if (data === null) return null;
      if (Array.isArray(data)) {
        return new List(data.map((item) => toValue(item, tag)));
      }
      return new Dict(
        new Map(
          Object.entries(data).filter(([, value]) => value !== undefined)
            .map(([key, value]) => [key, toValue(value, tag)]),
        ),
      );
    default:
      return undefined;
  }
}
