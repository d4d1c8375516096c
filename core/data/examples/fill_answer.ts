/**
 * Filling an answer with end tokens that are trained, for models that decode a fixed number of tokens at once: they
 * learn where an answer stops by what stands behind it.
 *
 * ```text
 * tokens    q q q a b end \n           fill_answer_to 6
 * weights   0 0 0 1 1 1   0
 * filled    q q q a b end eos eos eos
 * weights   0 0 0 1 1 1   1   1   1
 * ```
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { ExampleOptions } from "../types.ts";
import type { WeightedText } from "./weighted_text.ts";

/**
 * The text with its last answer filled, as far as `max_length` has room; what the template writes behind the answer
 * is left out. A text without a prompt, or without a trained token, stays as it is.
 */
export function fillAnswer(
  text: WeightedText,
  { tokenizer, options }: {
    readonly tokenizer: Pick<Tokenizer, "specialIds">;
    readonly options: Pick<ExampleOptions, "fill_answer_to" | "max_length">;
  },
): WeightedText {
  const { fill_answer_to: length, max_length } = options;
  const hasAnswer = "prompt" in text.example || "messages" in text.example;
  if (length === null || !hasAnswer) return text;
  const { ids, starts, ends } = text.encoding;
  const last = text.weights.findLastIndex((weight) => weight > 0);
  if (last < 0) return text;
  let first = last;
  while (first > 0 && text.weights[first - 1] > 0) first--;
  const T = Math.min(Math.max(first + length, last + 1), max_length);
  if (T <= last + 1) return text;
  const { eos } = tokenizer.specialIds;
  if (eos === null) {
    throw new ConfigError(
      "`fill_answer_to` fills answers with the tokenizer's end token, and this tokenizer has none; leave fill_answer_to out",
    );
  }
  const filled = (values: Int32Array, fill: number) => {
    const all = new Int32Array(T).fill(fill);
    all.set(values.subarray(0, last + 1));
    return all;
  };
  const weights = new Float32Array(T).fill(text.weights[last]);
  weights.set(text.weights.subarray(0, last + 1));
  const end = ends[last];
  return {
    ...text,
    encoding: {
      ids: filled(ids, eos),
      starts: filled(starts, end), // the fill has no characters
      ends: filled(ends, end),
    },
    weights,
  };
}
