/**
 * What keeps a value from being a rendered text, and ids from being the tokens of a text.
 * @module
 */
import type { Encoding } from "../../../contracts/tokenizer.ts";
import { show } from "../../parse/problem.ts";

/** What keeps a value from being a text with its spans, as the end of a sentence; null where it is one. */
export function renderedFault(given: unknown): string | null {
  if (typeof given !== "object" || given === null) {
    return `${show(given)}; expected {text, spans, addBos}`;
  }
  const text: unknown = Reflect.get(given, "text");
  const spans: unknown = Reflect.get(given, "spans");
  if (typeof text !== "string") {
    return `\`text\` ${show(text)}; expected a text`;
  }
  if (!Array.isArray(spans)) return `\`spans\` ${show(spans)}; expected a list`;
  let end = 0;
  for (const [i, span] of spans.entries()) {
    const isInOrder = Number.isInteger(span?.start) &&
      Number.isInteger(span?.end) && span.start >= end &&
      span.end >= span.start && span.end <= text.length;
    if (!isInOrder) {
      return `the span [${show(span?.start)}, ${
        show(span?.end)
      }) of a text of ${text.length} characters after one that ends at ${end}; spans must be in order, within the text, and must not overlap`;
    }
    if (!(span.weight >= 0 && span.weight < Infinity)) {
      return `span ${i} with weight ${
        show(span.weight)
      }; expected a number of at least 0`;
    }
    end = span.end;
  }
  return null;
}

/** What keeps ids and their characters from being the tokens of a text, as the end of a sentence. */
export function encodingFault(
  given: Encoding | null | undefined,
  { text, vocabSize }: {
    readonly text: string;
    readonly vocabSize: number;
  },
): string | null {
  for (const name of ["ids", "starts", "ends"] as const) {
    const array: unknown = given?.[name];
    if (!(array instanceof Int32Array)) {
      return `\`${name}\` ${show(array)}; expected an Int32Array`;
    }
    if (array.length !== given?.ids.length) {
      return `${array.length} ${name} for ${given?.ids.length} ids`;
    }
  }
  if (given === null || given === undefined) return null;
  const { ids, starts, ends } = given;
  if (ids.length === 0 && text !== "") return "no ids";
  for (let t = 0; t < ids.length; t++) {
    if (!(ids[t] >= 0 && ids[t] < vocabSize)) {
      return `the id ${ids[t]} as token ${t}; its ids are 0 to ${
        vocabSize - 1
      }`;
    }
    if (
      !(starts[t] >= 0 && ends[t] >= starts[t] && ends[t] <= text.length)
    ) {
      return `[${starts[t]}, ${
        ends[t]
      }) as the characters of token ${t}, of a text of ${text.length}`;
    }
  }
  return null;
}
