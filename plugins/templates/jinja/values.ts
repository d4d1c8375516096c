/**
 * What values are while a chat template runs, and how Python compares them.
 * @module
 */
import { JinjaError } from "./error.ts";
import { Traced } from "./traced.ts";

/**
 * A value of the template language; `undefined` is Jinja's undefined, `null` is None. Whole numbers are
 * `number`, and `bigint` beyond what a double holds exactly.
 */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | Float
  | Traced
  | List
  | Stream
  | Dict
  | Namespace
  | Loop
  | Callable;

/** A number that prints with a decimal point. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** What a list was made by: it shows when it is printed, compared or tested. */
export type ListKind =
  | "list"
  | "tuple"
  | "range"
  | "dict_items"
  | "dict_keys"
  | "dict_values";

/** A list, a tuple, a range or a view of a dict. */
export class List {
  readonly items: readonly Value[];
  readonly kind: ListKind;
  /** How a range prints: its items do not show where it would have ended. */
  readonly shown: string | null;
  constructor(
    items: readonly Value[],
    kind: ListKind = "list",
    shown: string | null = null,
  ) {
    this.items = items;
    this.kind = kind;
    this.shown = shown;
  }
}

/** What `map`, `select` and their like give: items that can be taken once. */
export class Stream {
  /** All of them, taken or not. */
  readonly items: readonly Value[];
  #taken = 0;
  constructor(items: readonly Value[]) {
    this.items = items;
  }

  /** The items that are left. */
  rest(): readonly Value[] {
    const rest = this.items.slice(this.#taken);
    this.#taken = this.items.length;
    return rest;
  }

  /** The next item, or undefined. */
  next(): Value {
    return this.items[this.#taken++];
  }
}

/** What a dict may have as a key. Whole numbers are one key, with or without a decimal point. */
export type Key = string | number | bigint | boolean | null;

/** The key that a value is. Throws {@linkcode JinjaError} for what has no hash. */
export function keyOf(value: Value): Key {
  if (value instanceof Traced) return value.text;
  if (value instanceof Float) return value.value;
  if (
    value === null || typeof value === "number" || typeof value === "bigint" ||
    typeof value === "boolean"
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

  /** The entry of a key: true is 1 and false is 0, as in Python. */
  get(key: Key): Value {
    if (this.entries.has(key)) return this.entries.get(key);
    return this.entries.get(otherKey(key));
  }

  /** Whether there is an entry. */
  has(key: Key): boolean {
    return this.entries.has(key) || this.entries.has(otherKey(key));
  }
}

function otherKey(key: Key): Key {
  if (typeof key === "boolean") return Number(key);
  return key === 0 || key === 1 ? key === 1 : key;
}

/** What `namespace()` makes: attributes that may be set. */
export class Namespace {
  readonly entries: Map<string, Value>;
  constructor(entries: Map<string, Value>) {
    this.entries = entries;
  }
}

/** A loop that is being run. */
export interface LoopState {
  readonly items: readonly Value[];
  /** Counted from 1. */
  readonly depth: number;
  /** What `loop.changed` was asked last. */
  last: readonly Value[] | null;
  /** What `loop(items)` does; null where the loop is not recursive. */
  readonly again: ((items: Value) => Value) | null;
}

/** The variable `loop`, at one item. */
export class Loop {
  readonly state: LoopState;
  /** An attribute by name, or undefined. */
  readonly attribute: (name: string) => Value;
  constructor(state: LoopState, attribute: (name: string) => Value) {
    this.state = state;
    this.attribute = attribute;
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
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Traced) return "str";
  if (value instanceof List) return value.kind;
  if (value instanceof Stream) return "generator";
  if (value instanceof Dict) return "dict";
  if (value instanceof Loop) return "LoopContext";
  return value instanceof Namespace ? "Namespace" : "function";
}

/** Whether a value counts as true. */
export function isTrue(value: Value): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "bigint") return value !== 0n;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Traced) return value.text !== "";
  if (value instanceof List) return value.items.length > 0;
  if (value instanceof Dict) return value.entries.size > 0;
  return true;
}

/** The whole number that a value is, or null. Booleans count as 0 and 1. */
export function asWhole(value: Value): number | bigint | null {
  if (typeof value === "number" || typeof value === "bigint") return value;
  return typeof value === "boolean" ? Number(value) : null;
}

/** The number that a value is, or null; whole numbers beyond 2^53 are rounded. */
export function asNumber(value: Value): number | null {
  if (value instanceof Float) return value.value;
  const whole = asWhole(value);
  return whole === null ? null : Number(whole);
}

/** Whether two values are equal, as `==` says. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  const x = asWhole(a);
  const y = asWhole(b);
  // deno-lint-ignore eqeqeq -- 1 and 1n are one number
  if (x !== null && y !== null) return x == y;
  const number = asNumber(a);
  if (number !== null) return number === asNumber(b);
  if (a instanceof Traced) return b instanceof Traced && a.text === b.text;
  if (a instanceof List) {
    return b instanceof List && a.kind === b.kind && a.kind !== "dict_values" &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => isEqual(item, b.items[i]));
  }
  if (a instanceof Dict) {
    return b instanceof Dict && a.entries.size === b.entries.size &&
      [...a.entries].every(([key, value]) =>
        b.has(key) && isEqual(value, b.get(key))
      );
  }
  return false;
}

/** Less than 0, 0 or more, as `a` is before, at or after `b`. */
export function compare(a: Value, b: Value, operator = "<"): number {
  const x = a instanceof Float ? a.value : asWhole(a);
  const y = b instanceof Float ? b.value : asWhole(b);
  if (x !== null && y !== null) return x < y ? -1 : x > y ? 1 : 0;
  if (a instanceof Traced && b instanceof Traced) {
    return compareTexts(a.text, b.text);
  }
  const areLists = a instanceof List && b instanceof List &&
    a.kind === b.kind && (a.kind === "list" || a.kind === "tuple");
  if (areLists) {
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

/** By code points, not by units: they differ beyond the basic plane. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  if (i > 0 && /[\udc00-\udfff]/.test(a[i] ?? b[i])) i--;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

/** What a value holds, for loops and list filters. */
export function iterate(value: Value): readonly Value[] {
  if (value === undefined) return [];
  if (value instanceof List) return value.items;
  if (value instanceof Stream) return value.rest();
  if (value instanceof Dict) return [...value.entries.keys()].map(keyValue);
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

/** Number of code points. */
export function countCharacters(text: string): number {
  const pairs = text.match(/[\ud800-\udbff][\udc00-\udfff]/g);
  return text.length - (pairs?.length ?? 0);
}

/** Number of items, keys or characters. */
export function lengthOf(value: Value): number {
  if (value === undefined) return 0;
  if (value instanceof Traced) return countCharacters(value.text);
  if (value instanceof Dict) return value.entries.size;
  if (value instanceof List) return value.items.length;
  throw new JinjaError(`object of type '${typeName(value)}' has no len()`);
}
