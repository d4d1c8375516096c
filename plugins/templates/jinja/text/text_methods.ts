/**
 * Methods of strings, by Python's rules.
 * @module
 */
import { JinjaError } from "../error.ts";
import { formatBraces } from "./format.ts";
import { SPLIT_METHODS, type StringMethod } from "./split_text.ts";
import {
  argument,
  SPACE,
  strip,
  textArgument,
  wholeArgument,
} from "./text_arguments.ts";
import { joinTraced, repeated, Traced, TracedBuilder } from "../traced.ts";
import {
  type Arguments,
  Callable,
  countCharacters,
  iterate,
  List,
  typeName,
  type Value,
} from "../values.ts";

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

function hasAffix(
  value: Traced,
  args: Arguments,
  test: (text: string, affix: string) => boolean,
): boolean {
  const affix = args.positional[0];
  const options = affix instanceof List && affix.kind === "tuple"
    ? affix.items
    : [affix];
  const [start, end] = range(value, args);
  const within = value.text.slice(start, end);
  return options.some((option) => {
    if (!(option instanceof Traced)) {
      throw new JinjaError(
        `startswith first arg must be str or a tuple of str, not ${
          typeName(option)
        }`,
      );
    }
    return test(within, option.text);
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

/** The units that `start` and `end` of a search name, which count code points. */
function range(value: Traced, args: Arguments): [number, number] {
  const length = countCharacters(value.text);
  const place = (at: number, name: string, fallback: number): number => {
    const whole = wholeArgument(args, at, { name, fallback });
    const counted = Math.min(length, whole < 0 ? whole + length : whole);
    return unitsOf(value.text, Math.max(0, counted));
  };
  return [place(1, "start", 0), place(2, "end", length)];
}

function unitsOf(text: string, count: number): number {
  let at = 0;
  for (let i = 0; i < count && at < text.length; i++) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}

function find(value: Traced, args: Arguments, method: string): number {
  const { text } = textArgument(args, 0, "sub", method);
  const [start, end] = range(value, args);
  const within = value.text.slice(start, end);
  const at = method.startsWith("r")
    ? within.lastIndexOf(text)
    : within.indexOf(text);
  return at < 0 ? -1 : countCharacters(value.text.slice(0, start + at));
}

function found(at: number): number {
  if (at < 0) throw new JinjaError("substring not found");
  return at;
}

/** Filled up to a width; `left`: which part of it is in front. */
function justified(value: Traced, args: Arguments, left: number): Traced {
  const width = wholeArgument(args, 0, { name: "width", fallback: 0 });
  const fill = argument(args, 1, "fillchar");
  const character = fill instanceof Traced ? fill.text : " ";
  const missing = Math.max(0, width - countCharacters(value.text));
  // Python's `center` puts the odd one in front where the width is odd
  const front = left === 0.5
    ? (missing >> 1) + (missing & width & 1)
    : left * missing;
  return joinTraced([
    Traced.of(repeated(character, front)),
    value,
    Traced.of(repeated(character, missing - front)),
  ], Traced.of(""));
}

const STRING_METHODS: Readonly<Record<string, StringMethod>> = {
  strip: (value, args) => strip(value, argument(args, 0, "chars")),
  lstrip: (value, args) => strip(value, argument(args, 0, "chars"), "left"),
  rstrip: (value, args) => strip(value, argument(args, 0, "chars"), "right"),
  upper: (value) => value.map((text) => text.toUpperCase()),
  lower: (value) => value.map((text) => text.toLowerCase()),
  title: (value) => value.whole(titleCase),
  capitalize: (value) => value.whole(capitalize),
  startswith: (value, args) =>
    hasAffix(value, args, (text, affix) => text.startsWith(affix)),
  endswith: (value, args) =>
    hasAffix(value, args, (text, affix) => text.endsWith(affix)),
  ...SPLIT_METHODS,
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
    joinTraced(
      iterate(args.positional[0]).map((item, i) => {
        if (item instanceof Traced) return item;
        throw new JinjaError(
          `sequence item ${i}: expected str instance, ${typeName(item)} found`,
        );
      }),
      value,
    ),
  find: (value, args) => find(value, args, "find"),
  rfind: (value, args) => find(value, args, "rfind"),
  index: (value, args) => found(find(value, args, "index")),
  rindex: (value, args) => found(find(value, args, "rindex")),
  count: (value, args) => {
    const { text } = textArgument(args, 0, "sub", "count");
    const [start, end] = range(value, args);
    const within = value.text.slice(start, end);
    return text === ""
      ? countCharacters(within) + 1
      : within.split(text).length - 1;
  },
  center: (value, args) => justified(value, args, 0.5),
  ljust: (value, args) => justified(value, args, 0),
  rjust: (value, args) => justified(value, args, 1),
  zfill: (value, args) => {
    const width = wholeArgument(args, 0, { name: "width", fallback: 0 });
    const missing = width - countCharacters(value.text);
    const sign = /^[+-]/.test(value.text) ? 1 : 0;
    const zeros = Traced.of(repeated("0", Math.max(0, missing)));
    return joinTraced(
      [value.slice(0, sign), zeros, value.slice(sign)],
      Traced.of(""),
    );
  },
  swapcase: (value) =>
    value.whole((text) =>
      text.replace(
        /\p{L}/gu,
        (c) => c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase(),
      )
    ),
  casefold: (value) =>
    value.map((text) => text.toLowerCase().replaceAll("ß", "ss")),
  format: formatBraces,
  isascii: (value) => !/[^\0-\x7f]/.test(value.text),
  isdecimal: (value) => isAll(value, /^\p{Nd}+$/u),
  istitle: (value) =>
    /\p{L}/u.test(value.text) && titleCase(value.text) === value.text,
  isidentifier: (value) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(value.text),
  // superscripts and encircled digits are digits, fractions are not
  isdigit: (value) =>
    isAll(value, /^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒]+$/u),
  isnumeric: (value) => isAll(value, /^\p{N}+$/u),
  isalpha: (value) => isAll(value, /^\p{L}+$/u),
  isalnum: (value) => isAll(value, /^[\p{L}\p{N}]+$/u),
  isspace: (value) => isAll(value, new RegExp(`^[${SPACE}]+$`)),
  isupper: (value) =>
    /\p{L}/u.test(value.text) && value.text === value.text.toUpperCase(),
  islower: (value) =>
    /\p{L}/u.test(value.text) && value.text === value.text.toLowerCase(),
};

/** Methods of Python's strings that are not here: better refused than taken for undefined. */
const MISSING = [
  "encode",
  "expandtabs",
  "format_map",
  "isprintable",
  "maketrans",
  "translate",
];

/** A method of a string, or undefined. */
export function stringMethod(
  value: Traced,
  name: string,
): Callable | undefined {
  if (MISSING.includes(name)) {
    throw new JinjaError(`the method '${name}' of strings is not supported`);
  }
  const method = Object.hasOwn(STRING_METHODS, name)
    ? STRING_METHODS[name]
    : undefined;
  return method === undefined
    ? undefined
    : new Callable((args) => method(value, args));
}
