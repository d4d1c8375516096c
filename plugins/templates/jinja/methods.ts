/**
 * Methods of strings, dicts and lists, by Python's rules.
 * @module
 */
import { joinTraced, Traced, TracedBuilder } from "./traced.ts";
import {
  type Arguments,
  Callable,
  Dict,
  isEqual,
  isTrue,
  iterate,
  JinjaError,
  keyOf,
  keyValue,
  List,
  toText,
  typeName,
  type Value,
} from "./values.ts";

const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE_CHARACTER = new RegExp(`[${SPACE}]`);
const LINE_ENDS = /\r\n|[\n\r\v\f\u2028\u2029\u0085]/g;
const WORDS = new RegExp(`[^${SPACE}]+`, "g");

/** The argument at a place or of a name, or undefined. */
export function argument(
  { positional, named }: Arguments,
  at: number,
  name: string,
): Value {
  return positional[at] ?? named.get(name);
}

function textArgument(
  args: Arguments,
  at: number,
  name: string,
  method: string,
): Traced {
  const value = argument(args, at, name);
  if (value instanceof Traced) return value;
  throw new JinjaError(
    `${method}() argument must be str, not ${typeName(value)}`,
  );
}

/** Cuts characters off both ends: white space, or those of `set`. */
export function strip(
  value: Traced,
  set: Value,
  sides: "both" | "left" | "right" = "both",
): Traced {
  const cut = (character: string): boolean =>
    set instanceof Traced
      ? set.text.includes(character)
      : SPACE_CHARACTER.test(character);
  let from = 0;
  let to = value.text.length;
  if (sides !== "right") { while (from < to && cut(value.text[from])) from++; }
  if (sides !== "left") { while (to > from && cut(value.text[to - 1])) to--; }
  return value.slice(from, to);
}

/** Replaces `count` occurrences, all by default. */
export function replaceText(
  value: Traced,
  old: Traced,
  by: Traced,
  count: Value,
): Traced {
  const limit = typeof count === "number" && count >= 0 ? count : Infinity;
  const out = new TracedBuilder();
  let done = 0;
  let replaced = 0;
  for (
    let at = value.text.indexOf(old.text);
    at >= 0 && replaced < limit;
    replaced++
  ) {
    out.add(value.slice(done, at));
    out.add(by);
    done = at + old.text.length;
    if (old.text === "") {
      if (at >= value.text.length) break;
      out.add(value.slice(at, at + 1));
      done = at + 1;
    }
    at = value.text.indexOf(old.text, done);
  }
  if (done < value.text.length || replaced === 0) out.add(value.slice(done));
  return out.finish();
}

function split(value: Traced, args: Arguments): List {
  const separator = argument(args, 0, "sep") ?? null;
  const wanted = argument(args, 1, "maxsplit");
  const limit = typeof wanted === "number" && wanted >= 0 ? wanted : Infinity;
  const parts: Traced[] = [];
  if (separator === null) {
    for (const { 0: word, index } of value.text.matchAll(WORDS)) {
      if (parts.length >= limit) {
        parts.push(strip(value.slice(index), null, "right"));
        break;
      }
      parts.push(value.slice(index, index + word.length));
    }
    return new List(parts);
  }
  if (!(separator instanceof Traced)) {
    throw new JinjaError(`must be str or None, not ${typeName(separator)}`);
  }
  if (separator.text === "") throw new JinjaError("empty separator");
  let done = 0;
  for (
    let at = value.text.indexOf(separator.text);
    at >= 0 && parts.length < limit;
  ) {
    parts.push(value.slice(done, at));
    done = at + separator.text.length;
    at = value.text.indexOf(separator.text, done);
  }
  parts.push(value.slice(done, value.text.length));
  return new List(parts);
}

function splitFromRight(value: Traced, args: Arguments): List {
  const separator = argument(args, 0, "sep");
  const limit = argument(args, 1, "maxsplit");
  if (
    !(separator instanceof Traced) || typeof limit !== "number" || limit < 0
  ) return split(value, args);
  const parts: Traced[] = [];
  let end = value.text.length;
  for (let left = limit; left > 0; left--) {
    const at = value.text.lastIndexOf(
      separator.text,
      end - separator.text.length,
    );
    if (at < 0 || end < separator.text.length) break;
    parts.unshift(value.slice(at + separator.text.length, end));
    end = at;
  }
  parts.unshift(value.slice(0, end));
  return new List(parts);
}

function partition(value: Traced, args: Arguments, fromRight: boolean): List {
  const separator = textArgument(args, 0, "sep", "partition");
  const at = fromRight
    ? value.text.lastIndexOf(separator.text)
    : value.text.indexOf(separator.text);
  const none = Traced.of("");
  const parts = at >= 0
    ? [value.slice(0, at), separator, value.slice(at + separator.text.length)]
    : fromRight
    ? [none, none, value]
    : [value, none, none];
  return new List(parts, true);
}

function splitLines(value: Traced, args: Arguments): List {
  const keep = isTrue(argument(args, 0, "keepends"));
  const lines: Traced[] = [];
  let done = 0;
  for (
    const { 0: end, index } of value.text.matchAll(
      LINE_ENDS,
    )
  ) {
    lines.push(value.slice(done, index + (keep ? end.length : 0)));
    done = index + end.length;
  }
  if (done < value.text.length) lines.push(value.slice(done));
  return new List(lines);
}

function hasAffix(
  value: Traced,
  args: Arguments,
  test: (text: string, affix: string) => boolean,
): boolean {
  const affix = args.positional[0];
  const options = affix instanceof List ? affix.items : [affix];
  return options.some((option) => {
    if (!(option instanceof Traced)) {
      throw new JinjaError(
        `startswith first arg must be str or a tuple of str, not ${
          typeName(option)
        }`,
      );
    }
    return test(value.text, option.text);
  });
}

/** Words with a capital first letter, the rest small. */
export function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, (word) => capitalize(word));
}

/** The first letter as a capital, the rest small. */
export function capitalize(text: string): string {
  const first = text.slice(0, (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function isAll(value: Traced, pattern: RegExp): boolean {
  return value.text !== "" && pattern.test(value.text);
}

/** `"..." % values`, and the method `format` with `{}`. */
export function formatText(format: Traced, values: readonly Value[]): Traced {
  const out = new TracedBuilder();
  let done = 0;
  let next = 0;
  for (
    const { 0: place, 1: kind, index } of format.text.matchAll(
      /%(?:\.\d+)?([sdif%])/g,
    )
  ) {
    out.add(format.slice(done, index));
    done = index + place.length;
    if (kind === "%") out.text("%");
    else if (next >= values.length) {
      throw new JinjaError("not enough arguments for format string");
    } else out.add(toText(values[next++]));
  }
  if (done < format.text.length) out.add(format.slice(done));
  return out.finish();
}

function formatBraces(
  format: Traced,
  { positional, named }: Arguments,
): Traced {
  const out = new TracedBuilder();
  let done = 0;
  let next = 0;
  for (
    const { 0: place, 1: name, index } of format.text.matchAll(/\{(\w*)\}/g)
  ) {
    out.add(format.slice(done, index));
    done = index + place.length;
    out.add(toText(
      name === ""
        ? positional[next++]
        : /^\d+$/.test(name)
        ? positional[Number(name)]
        : named.get(name),
    ));
  }
  if (done < format.text.length) out.add(format.slice(done));
  return out.finish();
}

type StringMethod = (value: Traced, args: Arguments) => Value;

const STRING_METHODS: Readonly<Record<string, StringMethod>> = {
  strip: (value, args) => strip(value, argument(args, 0, "chars")),
  lstrip: (value, args) => strip(value, argument(args, 0, "chars"), "left"),
  rstrip: (value, args) => strip(value, argument(args, 0, "chars"), "right"),
  upper: (value) => value.map((text) => text.toUpperCase()),
  lower: (value) => value.map((text) => text.toLowerCase()),
  title: (value) => value.map(titleCase),
  capitalize: (value) => value.map(capitalize),
  startswith: (value, args) =>
    hasAffix(value, args, (text, affix) => text.startsWith(affix)),
  endswith: (value, args) =>
    hasAffix(value, args, (text, affix) => text.endsWith(affix)),
  split,
  rsplit: splitFromRight,
  splitlines: splitLines,
  partition: (value, args) => partition(value, args, false),
  rpartition: (value, args) => partition(value, args, true),
  replace: (value, args) =>
    replaceText(
      value,
      textArgument(args, 0, "old", "replace"),
      textArgument(args, 1, "new", "replace"),
      argument(args, 2, "count"),
    ),
  removeprefix: (value, args) => {
    const { text } = textArgument(args, 0, "prefix", "removeprefix");
    return value.text.startsWith(text) ? value.slice(text.length) : value;
  },
  removesuffix: (value, args) => {
    const { text } = textArgument(args, 0, "suffix", "removesuffix");
    return text !== "" && value.text.endsWith(text)
      ? value.slice(0, -text.length + value.text.length)
      : value;
  },
  join: (value, args) =>
    joinTraced(iterate(args.positional[0]).map(toText), value),
  find: (value, args) =>
    value.text.indexOf(textArgument(args, 0, "sub", "find").text),
  rfind: (value, args) =>
    value.text.lastIndexOf(textArgument(args, 0, "sub", "rfind").text),
  count: (value, args) =>
    value.text.split(textArgument(args, 0, "sub", "count").text).length - 1,
  format: formatBraces,
  isdigit: (value) => isAll(value, /^\p{Nd}+$/u),
  isnumeric: (value) => isAll(value, /^\p{N}+$/u),
  isalpha: (value) => isAll(value, /^\p{L}+$/u),
  isalnum: (value) => isAll(value, /^[\p{L}\p{N}]+$/u),
  isspace: (value) => isAll(value, new RegExp(`^[${SPACE}]+$`)),
  isupper: (value) =>
    /\p{L}/u.test(value.text) && value.text === value.text.toUpperCase(),
  islower: (value) =>
    /\p{L}/u.test(value.text) && value.text === value.text.toLowerCase(),
};

/** A method of a string, or undefined. */
export function stringMethod(
  value: Traced,
  name: string,
): Callable | undefined {
  const method = Object.hasOwn(STRING_METHODS, name)
    ? STRING_METHODS[name]
    : undefined;
  return method === undefined
    ? undefined
    : new Callable((args) => method(value, args));
}

/** Key and value of every entry. */
export function dictItems({ entries }: Dict): List {
  return new List(
    [...entries].map(([key, value]) => new List([keyValue(key), value], true)),
  );
}

/** A method of a dict, or undefined. */
export function dictMethod(value: Dict, name: string): Callable | undefined {
  switch (name) {
    case "items":
      return new Callable(() => dictItems(value));
    case "keys":
      return new Callable(() => new List(iterate(value)));
    case "values":
      return new Callable(() => new List([...value.entries.values()]));
    case "copy":
      return new Callable(() =>
        new Dict(new Map(value.entries), value.message)
      );
    case "get":
      return new Callable((args) => {
        const key = args.positional[0];
        const found = value.entries.get(keyOf(key));
        return found === undefined
          ? argument(args, 1, "default") ?? null
          : found;
      });
    default:
      return undefined;
  }
}

/** A method of a list, or undefined. Lists cannot be changed: templates run in a sandbox. */
export function listMethod(value: List, name: string): Callable | undefined {
  switch (name) {
    case "index":
      return new Callable(({ positional }) => {
        const at = value.items.findIndex((item) =>
          isEqual(item, positional[0])
        );
        if (at < 0) {
          throw new JinjaError(`${toText(positional[0]).text} is not in list`);
        }
        return at;
      });
    case "count":
      return new Callable(({ positional }) =>
        value.items.filter((item) => isEqual(item, positional[0])).length
      );
    default:
      return undefined;
  }
}
