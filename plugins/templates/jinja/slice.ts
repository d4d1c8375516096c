/**
 * `value[start:stop:step]`, by Python's rules.
 * @module
 */
import { JinjaError } from "./error.ts";
import { joinTraced, Traced } from "./traced.ts";
import { characters, Dict, List, type Value } from "./values.ts";

/** What is taken; null: from the end that the step comes from. */
export interface Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;
}

/** A part of a text or a list; undefined of what has no parts. */
export function sliceOf(object: Value, slice: Slice): Value {
  if (object instanceof Traced) {
    const { start, stop, step } = slice;
    if ((step ?? 1) === 1 && !/[\ud800-\udfff]/.test(object.text)) {
      const [from, to] = bounds(object.text.length, start, stop);
      return object.slice(from, Math.max(from, to));
    }
    return joinTraced(sliced(characters(object), slice), Traced.of(""));
  }
  if (object instanceof List && !object.kind.startsWith("dict_")) {
    const kind = object.kind === "tuple" ? "tuple" : "list";
    return new List(sliced(object.items, slice), kind);
  }
  if (object instanceof Dict) {
    throw new JinjaError("unhashable type: 'slice'");
  }
  return undefined;
}

function bounds(
  length: number,
  start: number | null,
  stop: number | null,
): [number, number] {
  const place = (value: number): number =>
    Math.min(length, value < 0 ? Math.max(0, length + value) : value);
  return [place(start ?? 0), place(stop ?? length)];
}

function sliced<T>(
  items: readonly T[],
  { start, stop, step: given }: Slice,
): T[] {
  const step = given ?? 1;
  if (step === 0) throw new JinjaError("slice step cannot be zero");
  if (step > 0) {
    const [from, to] = bounds(items.length, start, stop);
    return items.slice(from, Math.max(from, to)).filter((_, i) =>
      i % step === 0
    );
  }
  const place = (value: number): number =>
    value < 0
      ? Math.max(-1, items.length + value)
      : Math.min(items.length - 1, value);
  const from = start === null ? items.length - 1 : place(start);
  const to = stop === null ? -1 : place(stop);
  const result: T[] = [];
  for (let i = from; i > to; i += step) result.push(items[i]);
  return result;
}
