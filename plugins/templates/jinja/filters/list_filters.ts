/**
 * Filters of lists.
 * @module
 */
import { dictItems } from "../container_methods.ts";
import { JinjaError } from "../error.ts";
import type { Filter } from "./filter.ts";
import { arithmetic } from "../arithmetic.ts";
import { toText } from "../text/print.ts";
import { runTest } from "../tests.ts";
import { argument, wholeArgument } from "../text/text_arguments.ts";
import { joinTraced, Traced } from "../traced.ts";
import {
  type Arguments,
  asWhole,
  compare,
  Dict,
  isEqual,
  isTrue,
  iterate,
  type Key,
  keyOf,
  List,
  Namespace,
  Stream,
  typeName,
  type Value,
} from "../values.ts";

/** The value at a path such as `function.name` or `0`; undefined where a step leads nowhere. */
function attribute(value: Value, path: Value): Value {
  const steps = path instanceof Traced
    ? path.text.split(".").map((step) =>
      /^\d+$/.test(step) ? Number(step) : step
    )
    : [Number(asWhole(path) ?? 0)];
  let found = value;
  for (const step of steps) {
    if (found === undefined) {
      throw new JinjaError(`the value before '${step}' is undefined`);
    }
    if (found instanceof Dict) found = found.get(step);
    else if (found instanceof Namespace) {
      found = found.entries.get(String(step));
    } else if (found instanceof List) {
      found = typeof step === "number" ? found.items.at(step) : undefined;
    } else return undefined;
  }
  return found;
}

function selecting(keep: boolean, byAttribute: boolean): Filter {
  return (value, { positional }) => {
    if (!isTrue(value)) return new Stream([]);
    const [first, ...others] = positional;
    if (byAttribute && first === undefined) {
      throw new JinjaError("Missing parameter for attribute name");
    }
    const [name, ...rest] = byAttribute ? others : positional;
    const passes = (item: Value): boolean => {
      const tested = byAttribute ? attribute(item, first) : item;
      return name === undefined
        ? isTrue(tested)
        : runTest(toText(name).text, tested, { positional: rest });
    };
    return new Stream(iterate(value).filter((item) => passes(item) === keep));
  };
}

const map: Filter = (value, { positional, named }, apply) => {
  if (!isTrue(value)) return new Stream([]);
  const path = named.get("attribute");
  if (positional.length === 0 && path !== undefined) {
    const fallback = named.get("default");
    return new Stream(
      iterate(value).map((item) => attribute(item, path) ?? fallback),
    );
  }
  const [name, ...rest] = positional;
  if (name === undefined) {
    throw new JinjaError("map requires a filter argument");
  }
  return new Stream(
    iterate(value).map((item) =>
      apply(toText(name).text, item, { positional: rest, named })
    ),
  );
};

/** Texts are compared in small letters, unless asked otherwise. */
function folded(value: Value, caseSensitive: boolean): Value {
  return value instanceof Traced && !caseSensitive
    ? value.map((text) => text.toLowerCase())
    : value;
}

function keyBy(
  path: Value,
  caseSensitive: boolean,
): (item: Value) => Value {
  return (item) =>
    folded(
      path === undefined || path === null ? item : attribute(item, path),
      caseSensitive,
    );
}

/** Sorts; where two are alike, they stay in order, reversed or not. */
function sorted(
  items: readonly Value[],
  keys: readonly ((item: Value) => Value)[],
  reverse: boolean,
): Value[] {
  const sign = reverse ? -1 : 1;
  return items.map((item) => ({ item, by: keys.map((key) => key(item)) }))
    .sort((a, b) => {
      for (const [i, value] of a.by.entries()) {
        if (!isEqual(value, b.by[i])) return sign * compare(value, b.by[i]);
      }
      return 0;
    }).map(({ item }) => item);
}

const sort: Filter = (value, args) => {
  const reverse = isTrue(argument(args, 0, "reverse"));
  const caseSensitive = isTrue(argument(args, 1, "case_sensitive"));
  const path = argument(args, 2, "attribute");
  const paths = path instanceof Traced
    ? path.text.split(",").map((part) => Traced.of(part))
    : [path];
  return new List(
    sorted(
      iterate(value),
      paths.map((one) => keyBy(one, caseSensitive)),
      reverse,
    ),
  );
};

const dictsort: Filter = (value, args) => {
  if (!(value instanceof Dict)) {
    throw new JinjaError(
      `'${typeName(value)}' object has no attribute 'items'`,
    );
  }
  const caseSensitive = isTrue(argument(args, 0, "case_sensitive"));
  const by = argument(args, 1, "by") ?? Traced.of("key");
  const name = toText(by).text;
  if (name !== "key" && name !== "value") {
    throw new JinjaError('You can only sort by either "key" or "value"');
  }
  const key = (item: Value): Value =>
    item instanceof List
      ? folded(item.items[name === "key" ? 0 : 1], caseSensitive)
      : item;
  const reverse = isTrue(argument(args, 2, "reverse"));
  return new List(sorted(dictItems(value).items, [key], reverse));
};

const unique: Filter = (value, args) => {
  const key = keyBy(
    argument(args, 1, "attribute"),
    isTrue(argument(args, 0, "case_sensitive")),
  );
  const seen = new Set<Key>();
  return new Stream(
    iterate(value).filter((item) => {
      const by = keyOf(key(item));
      const known = typeof by === "boolean" ? Number(by) : by;
      if (seen.has(known)) return false;
      seen.add(known);
      return true;
    }),
  );
};

function extreme(sign: 1 | -1): Filter {
  return (value, args) => {
    const key = keyBy(
      argument(args, 1, "attribute"),
      isTrue(argument(args, 0, "case_sensitive")),
    );
    const operator = sign === 1 ? ">" : "<";
    let best: { item: Value; by: Value } | null = null;
    for (const item of iterate(value)) {
      const by = key(item);
      if (best === null || compare(by, best.by, operator) * sign > 0) {
        best = { item, by };
      }
    }
    return best?.item;
  };
}

const groupby: Filter = (value, args) => {
  const path = argument(args, 0, "attribute");
  const fallback = argument(args, 1, "default");
  const caseSensitive = isTrue(argument(args, 2, "case_sensitive"));
  const real = (item: Value): Value => attribute(item, path) ?? fallback;
  const key = (item: Value): Value => folded(real(item), caseSensitive);
  const groups: Value[][] = [];
  for (const item of sorted(iterate(value), [key], false)) {
    const group = groups.at(-1);
    if (group !== undefined && isEqual(key(group[0]), key(item))) {
      group.push(item);
    } else groups.push([item]);
  }
  return new List(
    groups.map((group) => new List([real(group[0]), new List(group)], "tuple")),
  );
};

const sum: Filter = (value, args) => {
  const path = argument(args, 0, "attribute");
  const start = argument(args, 1, "start") ?? 0;
  if (start instanceof Traced) {
    throw new JinjaError("sum() can't sum strings [use ''.join(seq) instead]");
  }
  return iterate(value).reduce<Value>(
    (total, item) =>
      arithmetic(
        "+",
        total,
        path === undefined || path === null ? item : attribute(item, path),
      ),
    start,
  );
};

const join: Filter = (value, args) => {
  const path = argument(args, 1, "attribute");
  const list = path === undefined || path === null
    ? iterate(value)
    : iterate(value).map((item) => attribute(item, path));
  return joinTraced(
    list.map(toText),
    toText(argument(args, 0, "d") ?? Traced.of("")),
  );
};

/** Rows of a length, the last filled up where there is something to fill with. */
const batch: Filter = (value, args) => {
  const length = wholeArgument(args, 0, { name: "linecount", fallback: 1 });
  const rows: Value[][] = [];
  for (const item of iterate(value)) {
    const row = rows.at(-1);
    if (row === undefined || row.length >= length) rows.push([item]);
    else row.push(item);
  }
  return filled(rows, length, args);
};

/** A number of columns, as even as can be. */
const slice: Filter = (value, args) => {
  const items = iterate(value);
  const count = wholeArgument(args, 0, { name: "slices", fallback: 1 });
  if (count < 1) throw new JinjaError("integer division or modulo by zero");
  const fill = argument(args, 1, "fill_with");
  const short = Math.floor(items.length / count);
  const longer = items.length % count;
  const columns: Value[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = short + (i < longer ? 1 : 0);
    const column = items.slice(at, at + length);
    const isShort = fill !== undefined && fill !== null && longer > 0 &&
      i >= longer;
    columns.push(new List(isShort ? [...column, fill] : column));
    at += length;
  }
  return new Stream(columns);
};

function filled(rows: Value[][], length: number, args: Arguments): Stream {
  const fill = argument(args, 1, "fill_with");
  const last = rows.at(-1);
  if (fill !== undefined && fill !== null && last !== undefined) {
    while (last.length < length) last.push(fill);
  }
  return new Stream(rows.map((row) => new List(row)));
}

/** The filters, by name. */
export const LIST_FILTERS: Readonly<Record<string, Filter>> = {
  batch,
  dictsort,
  groupby,
  join,
  map,
  max: extreme(1),
  min: extreme(-1),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  select: selecting(true, false),
  selectattr: selecting(true, true),
  slice,
  sort,
  sum,
  unique,
};
