/**
 * Filters: what may follow `|`.
 * @module
 */
import { dictItems } from "../container_methods.ts";
import { JinjaError } from "../error.ts";
import { formatPercent } from "../text/format.ts";
import { jsonOptions, toJson } from "../text/json.ts";
import { toFloat, toWhole } from "../text/parse_number.ts";
import { toText } from "../text/print.ts";
import { roundTo, roundWhole } from "../text/round.ts";
import { LIST_FILTERS } from "./list_filters.ts";
import type { Filter } from "./filter.ts";
import {
  argument,
  LINE_ENDS,
  strip,
  wholeArgument,
} from "../text/text_arguments.ts";
import { capitalize, replaceText } from "../text/text_methods.ts";
import { wholeOf } from "../to_value.ts";
import { joinTraced, repeated, Traced } from "../traced.ts";
import {
  type Arguments,
  asNumber,
  asWhole,
  characters,
  countCharacters,
  Dict,
  Float,
  isTrue,
  iterate,
  lengthOf,
  List,
  Stream,
  typeName,
  type Value,
} from "../values.ts";

const indent: Filter = (value, args) => {
  const width = argument(args, 0, "width") ?? 4;
  const space = Traced.of(
    typeof width === "number" ? repeated(" ", width) : toText(width).text,
  );
  const first = isTrue(argument(args, 1, "first"));
  const blank = isTrue(argument(args, 2, "blank"));
  const text = toText(value);
  const lines: Traced[] = [];
  let done = 0;
  for (const { 0: end, index } of text.text.matchAll(LINE_ENDS)) {
    lines.push(text.slice(done, index));
    done = index + end.length;
  }
  lines.push(text.slice(done, text.text.length));
  const indented = lines.map((line, i) =>
    (i === 0 && !first) || (i > 0 && !blank && line.text === "")
      ? line
      : joinTraced([space, line], Traced.of(""))
  );
  return joinTraced(indented, Traced.of("\n"));
};

const reverse: Filter = (value) =>
  value instanceof Traced
    ? joinTraced(characters(value).reverse(), Traced.of(""))
    : new Stream([...iterate(value)].reverse());

const items: Filter = (value) => {
  if (value === undefined) return new Stream([]);
  if (value instanceof Dict) return new Stream(dictItems(value).items);
  throw new JinjaError("Can only get item pairs from a mapping.");
};

const defaultTo: Filter = (value, args) => {
  const fallback = args.positional.length > 0 || args.named.has("default_value")
    ? argument(args, 0, "default_value")
    : Traced.of("");
  const missing = value === undefined ||
    (isTrue(argument(args, 1, "boolean")) && !isTrue(value));
  return missing ? fallback : value;
};

const escape: Filter = (value) =>
  toText(value).map((text) =>
    text.replace(/[&<>"']/g, (character) => {
      const codes: Record<string, string> = {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&#34;",
        "'": "&#39;",
      };
      return codes[character];
    })
  );

const round: Filter = (value, args) => {
  const digits = wholeArgument(args, 0, { name: "precision", fallback: 0 });
  const method = toText(argument(args, 1, "method") ?? Traced.of("common"));
  const number = asNumber(value);
  if (number === null) {
    throw new JinjaError(
      value === undefined
        ? "the value to round is undefined"
        : `type ${typeName(value)} doesn't define __round__ method`,
    );
  }
  const whole = asWhole(value);
  switch (method.text) {
    case "common":
      return whole === null
        ? new Float(roundTo(number, digits))
        : wholeOf(roundWhole(BigInt(whole), digits));
    case "ceil":
    case "floor": {
      const scale = 10 ** digits;
      const turn = method.text === "ceil" ? Math.ceil : Math.floor;
      return new Float(turn(number * scale) / scale);
    }
    default:
      throw new JinjaError("method must be common, ceil or floor");
  }
};

/** Jinja's own: words begin behind white space, hyphens and opening brackets alone. */
function title(text: string): string {
  return text.split(/([-\s({[<]+)/).map(capitalize).join("");
}

const center: Filter = (value, args) => {
  const text = toText(value);
  const width = wholeArgument(args, 0, { name: "width", fallback: 80 });
  const missing = Math.max(0, width - countCharacters(text.text));
  const front = (missing >> 1) + (missing & width & 1);
  return joinTraced([
    Traced.of(repeated(" ", front)),
    text,
    Traced.of(repeated(" ", missing - front)),
  ], Traced.of(""));
};

const truncate: Filter = (value, args) => {
  const text = toText(value);
  const length = wholeArgument(args, 0, { name: "length", fallback: 255 });
  const end = toText(argument(args, 2, "end") ?? Traced.of("..."));
  const leeway = wholeArgument(args, 3, { name: "leeway", fallback: 5 });
  const all = characters(text);
  if (all.length <= length + leeway) return text;
  const keep = Math.max(0, length - countCharacters(end.text));
  let kept = joinTraced(all.slice(0, keep), Traced.of(""));
  if (!isTrue(argument(args, 1, "killwords"))) {
    const space = kept.text.lastIndexOf(" ");
    if (space >= 0) kept = kept.slice(0, space);
  }
  return joinTraced([kept, end], Traced.of(""));
};

const abs: Filter = (value) => {
  if (value instanceof Float) return new Float(Math.abs(value.value));
  const whole = asWhole(value);
  if (whole === null) {
    throw new JinjaError(`bad operand type for abs(): '${typeName(value)}'`);
  }
  return whole < 0 ? -whole : whole;
};

const last: Filter = (value) => {
  if (value instanceof Stream) {
    throw new JinjaError("'generator' object is not reversible");
  }
  return iterate(value).at(-1);
};

const json: Filter = (value, args) => {
  if (value === undefined) {
    throw new JinjaError("Object of type Undefined is not JSON serializable");
  }
  return toJson(value, jsonOptions(args));
};

const FILTERS: Readonly<Record<string, Filter>> = {
  ...LIST_FILTERS,
  abs,
  // only attributes, never entries: plain data has none
  attr: () => undefined,
  capitalize: (value) => toText(value).whole(capitalize),
  center,
  count: lengthOf,
  d: defaultTo,
  default: defaultTo,
  e: escape,
  escape,
  first: (value) => value instanceof Stream ? value.next() : iterate(value)[0],
  float: (value, args) =>
    toFloat(value, argument(args, 0, "default") ?? new Float(0)),
  forceescape: escape,
  format: (value, { positional, named }) => {
    if (positional.length > 0 && named.size > 0) {
      throw new JinjaError(
        "can't handle positional and keyword arguments at the same time",
      );
    }
    return formatPercent(
      toText(value),
      named.size > 0 ? new Dict(new Map(named)) : new List(positional, "tuple"),
    );
  },
  indent,
  int: (value, args) =>
    toWhole(value, {
      fallback: argument(args, 0, "default") ?? 0,
      base: wholeArgument(args, 1, { name: "base", fallback: 10 }),
    }),
  items,
  last,
  length: lengthOf,
  list: (value) => new List(iterate(value)),
  lower: (value) => toText(value).map((text) => text.toLowerCase()),
  replace: (value, args) =>
    replaceText(
      toText(value),
      toText(argument(args, 0, "old")),
      toText(argument(args, 1, "new")),
      argument(args, 2, "count"),
    ),
  reverse,
  round,
  safe: (value) => value,
  string: toText,
  title: (value) => toText(value).whole(title),
  tojson: json,
  trim: (value, args) => strip(toText(value), argument(args, 0, "chars")),
  truncate,
  upper: (value) => toText(value).map((text) => text.toUpperCase()),
  urlencode: (value) =>
    toText(value).map((text) =>
      encodeURIComponent(text.toWellFormed()).replaceAll("%2F", "/").replace(
        /[!'()*]/g,
        (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
      )
    ),
  wordcount: (value) =>
    toText(value).text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
};

/** Whether there is a filter of this name. */
export function isFilter(name: string): boolean {
  return Object.hasOwn(FILTERS, name);
}

/** Applies a filter by name. */
export function applyFilter(
  name: string,
  value: Value,
  args: Arguments,
): Value {
  if (!Object.hasOwn(FILTERS, name)) {
    throw new JinjaError(`No filter named '${name}'.`);
  }
  return FILTERS[name](value, args, applyFilter);
}
