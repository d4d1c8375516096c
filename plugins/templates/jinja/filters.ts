/**
 * Filters: what may follow `|`.
 * @module
 */
import { jsonOptions, toJson } from "./json.ts";
import {
  argument,
  capitalize,
  dictItems,
  formatText,
  replaceText,
  strip,
  titleCase,
} from "./methods.ts";
import { runTest } from "./tests.ts";
import { joinTraced, Traced } from "./traced.ts";
import {
  type Arguments,
  asNumber,
  characters,
  compare,
  Dict,
  Float,
  isEqual,
  isTrue,
  iterate,
  JinjaError,
  lengthOf,
  List,
  Namespace,
  toText,
  typeName,
  type Value,
} from "./values.ts";

type Filter = (value: Value, args: Arguments) => Value;

/** The value at a path such as `function.name` or `0`. */
function attribute(value: Value, path: Value): Value {
  let found = value;
  for (const name of toText(path).text.split(".")) {
    if (found instanceof Dict) {
      found = found.entries.get(name) ??
        (/^\d+$/.test(name) ? found.entries.get(Number(name)) : undefined);
    } else if (found instanceof Namespace) found = found.entries.get(name);
    else if (found instanceof List) found = found.items[Number(name)];
    else return undefined;
  }
  return found;
}

function selecting(keep: boolean, byAttribute: boolean): Filter {
  return (value, { positional }) => {
    const [first, ...others] = positional;
    const [name, other] = byAttribute ? others : [first, others[0]];
    const passes = (item: Value): boolean => {
      const tested = byAttribute ? attribute(item, first) : item;
      return name === undefined
        ? isTrue(tested)
        : runTest(toText(name).text, tested, other);
    };
    return new List(iterate(value).filter((item) => passes(item) === keep));
  };
}

const map: Filter = (value, { positional, named }) => {
  const path = named.get("attribute");
  if (path !== undefined) {
    const fallback = named.get("default");
    return new List(
      iterate(value).map((item) => attribute(item, path) ?? fallback),
    );
  }
  const [name, ...rest] = positional;
  return new List(
    iterate(value).map((item) =>
      applyFilter(toText(name).text, item, { positional: rest, named })
    ),
  );
};

function lowered(value: Value, caseSensitive: boolean): Value {
  return value instanceof Traced && !caseSensitive
    ? value.map((text) => text.toLowerCase())
    : value;
}

const sort: Filter = (value, args) => {
  const reverse = isTrue(argument(args, 0, "reverse"));
  const caseSensitive = isTrue(argument(args, 1, "case_sensitive"));
  const path = argument(args, 2, "attribute") ?? null;
  const key = (item: Value): Value =>
    lowered(path === null ? item : attribute(item, path), caseSensitive);
  const sorted = [...iterate(value)].sort((a, b) => compare(key(a), key(b)));
  return new List(reverse ? sorted.reverse() : sorted);
};

const dictsort: Filter = (value, args) => {
  if (!(value instanceof Dict)) {
    throw new JinjaError(
      `'${typeName(value)}' object has no attribute 'items'`,
    );
  }
  const caseSensitive = isTrue(argument(args, 0, "case_sensitive"));
  const by = toText(argument(args, 1, "by")).text === "value" ? 1 : 0;
  const key = (item: Value): Value =>
    item instanceof List ? lowered(item.items[by], caseSensitive) : item;
  const sorted = [...dictItems(value).items].sort((a, b) =>
    compare(key(a), key(b))
  );
  return new List(
    isTrue(argument(args, 2, "reverse")) ? sorted.reverse() : sorted,
  );
};

const indent: Filter = (value, args) => {
  const width = argument(args, 0, "width") ?? 4;
  const space = Traced.of(
    typeof width === "number" ? " ".repeat(width) : toText(width).text,
  );
  const first = isTrue(argument(args, 1, "first"));
  const blank = isTrue(argument(args, 2, "blank"));
  const text = toText(value);
  const lines: Traced[] = [];
  let done = 0;
  for (
    let at = text.text.indexOf("\n");
    at >= 0;
    at = text.text.indexOf("\n", done)
  ) {
    lines.push(text.slice(done, at));
    done = at + 1;
  }
  lines.push(text.slice(done, text.text.length));
  const indented = lines.map((line, i) =>
    (i === 0 && !first) || (i > 0 && !blank && line.text === "")
      ? line
      : joinTraced([space, line], Traced.of(""))
  );
  return joinTraced(indented, Traced.of("\n"));
};

function toWhole(value: Value, fallback: Value): Value {
  const number = value instanceof Traced
    ? Number.parseFloat(value.text)
    : asNumber(value);
  return number === null || Number.isNaN(number)
    ? fallback
    : Math.trunc(number);
}

function toFloat(value: Value, fallback: Value): Value {
  const number = value instanceof Traced
    ? Number.parseFloat(value.text)
    : asNumber(value);
  return number === null || Number.isNaN(number) ? fallback : new Float(number);
}

function unique(value: Value): List {
  const seen: Value[] = [];
  const kept = iterate(value).filter((item) => {
    const key = lowered(item, false);
    if (seen.some((other) => isEqual(other, key))) return false;
    seen.push(key);
    return true;
  });
  return new List(kept);
}

const reverse: Filter = (value) =>
  value instanceof Traced
    ? joinTraced(characters(value).reverse(), Traced.of(""))
    : new List([...iterate(value)].reverse());

const items: Filter = (value) => {
  if (value === undefined) return new List([]);
  if (value instanceof Dict) return dictItems(value);
  throw new JinjaError("Can only get item pairs from a mapping.");
};

const join: Filter = (value, args) => {
  const path = argument(args, 1, "attribute");
  const list = path === undefined
    ? iterate(value)
    : iterate(value).map((item) => attribute(item, path));
  return joinTraced(
    list.map(toText),
    toText(argument(args, 0, "d") ?? Traced.of("")),
  );
};

const defaultTo: Filter = (value, args) => {
  const fallback = argument(args, 0, "default_value") ?? Traced.of("");
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

function extreme(sign: 1 | -1): Filter {
  return (value) =>
    iterate(value).reduce<Value>(
      (best, item) =>
        best === undefined || compare(item, best) * sign > 0 ? item : best,
      undefined,
    );
}

const FILTERS: Readonly<Record<string, Filter>> = {
  abs: (value) => {
    const number = asNumber(value) ?? 0;
    return value instanceof Float
      ? new Float(Math.abs(number))
      : Math.abs(number);
  },
  capitalize: (value) => toText(value).map(capitalize),
  count: lengthOf,
  d: defaultTo,
  default: defaultTo,
  dictsort,
  e: escape,
  escape,
  first: (value) => iterate(value)[0],
  float: (value, args) =>
    toFloat(value, argument(args, 0, "default") ?? new Float(0)),
  format: (value, { positional }) => formatText(toText(value), positional),
  indent,
  int: (value, args) => toWhole(value, argument(args, 0, "default") ?? 0),
  items,
  join,
  last: (value) => iterate(value).at(-1),
  length: lengthOf,
  list: (value) => new List(iterate(value)),
  lower: (value) => toText(value).map((text) => text.toLowerCase()),
  map,
  max: extreme(1),
  min: extreme(-1),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  replace: (value, args) =>
    replaceText(
      toText(value),
      toText(argument(args, 0, "old")),
      toText(argument(args, 1, "new")),
      argument(args, 2, "count"),
    ),
  reverse,
  round: (value, args) => {
    const scale = 10 ** (asNumber(argument(args, 0, "precision")) ?? 0);
    return new Float(Math.round((asNumber(value) ?? 0) * scale) / scale);
  },
  safe: (value) => value,
  select: selecting(true, false),
  selectattr: selecting(true, true),
  sort,
  string: toText,
  sum: (value) =>
    iterate(value).reduce<number>(
      (total, item) => total + (asNumber(item) ?? 0),
      0,
    ),
  title: (value) => toText(value).map(titleCase),
  tojson: (value, args) =>
    toJson(value, jsonOptions(args.named, args.positional[0])),
  trim: (value, args) => strip(toText(value), argument(args, 0, "chars")),
  unique,
  upper: (value) => toText(value).map((text) => text.toUpperCase()),
};

/** Applies a filter by name. */
export function applyFilter(
  name: string,
  value: Value,
  args: Arguments,
): Value {
  const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (filter === undefined) throw new JinjaError(`No filter named '${name}'.`);
  if (value === undefined && name === "tojson") {
    throw new JinjaError("Object of type Undefined is not JSON serializable");
  }
  return filter(value, args);
}
