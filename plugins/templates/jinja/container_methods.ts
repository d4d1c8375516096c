/**
 * Methods of dicts and lists. Neither can be changed: templates run in a sandbox.
 * @module
 */
import { JinjaError } from "./error.ts";
import { repr } from "./text/print.ts";
import { argument } from "./text/text_arguments.ts";
import {
  Callable,
  Dict,
  isEqual,
  keyOf,
  keyValue,
  List,
  type ListKind,
  type Value,
} from "./values.ts";

/** Key and value of every entry. */
export function dictItems({ entries }: Dict, kind: ListKind = "list"): List {
  return new List(
    [...entries].map(([key, value]) =>
      new List([keyValue(key), value], "tuple")
    ),
    kind,
  );
}

/** A method of a dict, or undefined. */
export function dictMethod(value: Dict, name: string): Callable | undefined {
  switch (name) {
    case "items":
      return new Callable(() => dictItems(value, "dict_items"));
    case "keys":
      return new Callable(() =>
        new List([...value.entries.keys()].map(keyValue), "dict_keys")
      );
    case "values":
      return new Callable(() =>
        new List([...value.entries.values()], "dict_values")
      );
    case "copy":
      return new Callable(() =>
        new Dict(new Map(value.entries), value.message)
      );
    case "get":
      return new Callable((args) => {
        const key = keyOf(args.positional[0]);
        if (value.has(key)) return value.get(key);
        return args.positional.length > 1 ? args.positional[1] : null;
      });
    default:
      return undefined;
  }
}

/** A method of a list or a tuple, or undefined. */
export function listMethod(value: List, name: string): Callable | undefined {
  if (value.kind.startsWith("dict_")) return undefined;
  switch (name) {
    case "index":
      return new Callable((args) => {
        const wanted = argument(args, 0, "value");
        const at = value.items.findIndex((item) => isEqual(item, wanted));
        if (at < 0) {
          throw new JinjaError(
            value.kind === "tuple"
              ? "tuple.index(x): x not in tuple"
              : `${repr(wanted).text} is not in list`,
          );
        }
        return at;
      });
    case "count":
      return new Callable(({ positional }): Value =>
        value.items.filter((item) => isEqual(item, positional[0])).length
      );
    case "copy":
      return value.kind === "list" ? new Callable(() => value) : undefined;
    default:
      return undefined;
  }
}
