/**
 * Examples of several sequences that belong together: each is written, encoded, masked and shortened as one of its
 * own, and all are kept as one example with the length of each.
 *
 * ```text
 * sequences   a b c | d e          prompt and chosen answer, prompt and rejected answer
 * ids         a b c d e            lengths 3 2
 * ```
 * @module
 */
import type {
  Example,
  GroupExample,
  ParsedExample,
  TokenExample,
} from "../../contracts/format.ts";
import { DataError } from "../../contracts/errors.ts";
import type { WeightedText } from "./weighted_text.ts";

/** The sequences of an example: itself, where it is one. */
export function sequencesOf(
  example: ParsedExample,
): readonly (Example | TokenExample)[] {
  return "sequences" in example ? example.sequences : [example];
}

/** The first sequence of an example: what says how its rows are shaped. */
export function firstSequence(example: ParsedExample): Example | TokenExample {
  const [first] = sequencesOf(example);
  if (first === undefined) throw new DataError("the row has no sequence");
  return first;
}

/** The texts of the sequences of an example as one, with the tokens of each. */
export function joinTexts(
  example: GroupExample,
  texts: readonly WeightedText[],
): WeightedText {
  if (texts.length === 0) throw new DataError("the row has no sequence");
  const ids: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const weights: number[] = [];
  const spans: WeightedText["spans"][number][] = [];
  let text = "";
  let messages = 0;
  for (const own of texts) {
    const from = text.length;
    ids.push(...own.encoding.ids);
    for (const start of own.encoding.starts) starts.push(from + start);
    for (const end of own.encoding.ends) ends.push(from + end);
    weights.push(...own.weights);
    let last = -1;
    for (const span of own.spans) {
      spans.push({
        ...span,
        start: from + span.start,
        end: from + span.end,
        message: messages + span.message,
      });
      last = Math.max(last, span.message);
    }
    messages += last + 1;
    text += own.text;
  }
  return {
    text,
    spans,
    encoding: {
      ids: Int32Array.from(ids),
      starts: Int32Array.from(starts),
      ends: Int32Array.from(ends),
    },
    weights: Float32Array.from(weights),
    example,
    addedBos: false,
    straddled: texts.reduce((n, own) => n + own.straddled, 0),
    lengths: texts.map((own) => own.encoding.ids.length),
  };
}

/**
 * How long each of several sequences may be, so that they fit together: the short ones stay as they are, the long
 * ones get the same length.
 *
 * ```text
 * lengths 3 9 8, at most 14   ->   at most 5: 3 + 5 + 5
 * ```
 */
export function sharedLength(lengths: readonly number[], most: number): number {
  let left = most;
  const ascending = lengths.toSorted((a, b) => a - b);
  for (const [i, length] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - i));
    if (length > share) return share;
    left -= length;
  }
  return Math.max(...lengths);
}
