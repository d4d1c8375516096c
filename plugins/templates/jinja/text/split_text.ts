/**
 * Methods of strings that cut them: `split`, `partition` and their like.
 * @module
 */
import { JinjaError } from "../error.ts";
import {
  argument,
  LINE_ENDS,
  SPACE,
  strip,
  textArgument,
} from "./text_arguments.ts";
import { Traced } from "../traced.ts";
import {
  type Arguments,
  isTrue,
  List,
  typeName,
  type Value,
} from "../values.ts";

const WORDS = new RegExp(`[^${SPACE}]+`, "g");

/** A method of a string. */
export type StringMethod = (value: Traced, args: Arguments) => Value;

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
  if (typeof limit !== "number" || limit < 0) return split(value, args);
  if (separator === undefined || separator === null) {
    return splitWordsFromRight(value, limit);
  }
  if (!(separator instanceof Traced)) return split(value, args);
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

function splitWordsFromRight(value: Traced, limit: number): List {
  const words = [...value.text.matchAll(WORDS)].map(({ 0: word, index }) => ({
    start: index,
    end: index + word.length,
  }));
  const kept = words.slice(Math.max(0, words.length - limit));
  const parts = kept.map(({ start, end }) => value.slice(start, end));
  const first = words[words.length - limit - 1];
  const rest = first === undefined
    ? []
    : [strip(value.slice(0, first.end), null, "left")];
  return new List([...rest, ...parts]);
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
  return new List(parts, "tuple");
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

/** The methods, by name. */
export const SPLIT_METHODS: Readonly<Record<string, StringMethod>> = {
  split,
  rsplit: splitFromRight,
  splitlines: splitLines,
  partition: (value, args) => partition(value, args, false),
  rpartition: (value, args) => partition(value, args, true),
};
