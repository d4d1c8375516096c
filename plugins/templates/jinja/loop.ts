/**
 * What `loop` offers.
 * @module
 */
import { JinjaError } from "./error.ts";
import { Callable, isEqual, type LoopState, type Value } from "./values.ts";

/** An attribute of `loop` at item `i`; undefined where there is none. */
export function loopAttribute(
  state: LoopState,
  i: number,
  name: string,
): Value {
  const { items, depth } = state;
  switch (name) {
    case "index":
      return i + 1;
    case "index0":
      return i;
    case "revindex":
      return items.length - i;
    case "revindex0":
      return items.length - i - 1;
    case "first":
      return i === 0;
    case "last":
      return i === items.length - 1;
    case "length":
      return items.length;
    case "depth":
      return depth;
    case "depth0":
      return depth - 1;
    case "previtem":
      return i === 0 ? undefined : items[i - 1];
    case "nextitem":
      return items[i + 1];
    case "cycle":
      return new Callable(({ positional }) => {
        if (positional.length === 0) {
          throw new JinjaError("no items for cycling given");
        }
        return positional[i % positional.length];
      });
    case "changed":
      return new Callable(({ positional }) => {
        const same = state.last !== null &&
          state.last.length === positional.length &&
          state.last.every((value, k) => isEqual(value, positional[k]));
        state.last = positional;
        return !same;
      });
    default:
      return undefined;
  }
}
