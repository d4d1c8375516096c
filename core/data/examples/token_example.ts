/**
 * Rows that are tokens already, in the shape of tokenized text. They have no text: each token is one
 * character, so that spans, weights and cuts are those of tokens.
 *
 * ```text
 * ids      12 7 9 | 31 4 </s>        one span for each stretch of one weight
 * weights   0 0 0 |  1 1 1           prompt, completion; a special token behind what is trained is an end
 * ```
 * @module
 */
import type { TokenExample } from "../../contracts/format.ts";
import type { Tokenized } from "../../contracts/masker.ts";
import type { TextSpan } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";

/** The character that represents a token in the text. */
const TOKEN = "\ufffc";

/**
 * The documents of a row, as examples of their own; null where it is one. Throws `DataError` for lengths that do
 * not add up.
 *
 * ```text
 * ids      a b c d e f     lengths 2 3 1
 *          a b|c d e|f     three examples
 * ```
 */
export function documentsOf(example: TokenExample): TokenExample[] | null {
  const { lengths, ids, weights, ...info } = example;
  if (lengths === undefined) return null;
  const bad = lengths.find((length) =>
    !(Number.isInteger(length) && length > 0)
  );
  const sum = lengths.reduce((total, length) => total + length, 0);
  if (bad !== undefined || sum !== ids.length) {
    throw new DataError(
      bad === undefined
        ? `the documents of the row have ${sum} tokens together, and the row has ${ids.length}`
        : `a document of the row has the length ${bad}; lengths are whole numbers above 0`,
    );
  }
  if (lengths.length === 1) return null;
  let from = 0;
  return lengths.map((length) => {
    const to = from + length;
    const document = {
      ...info,
      ids: ids.slice(from, to),
      ...(weights === undefined ? {} : { weights: weights.slice(from, to) }),
    };
    from = to;
    return document;
  });
}

/** The tokens with their spans. Throws `DataError` for ids that the tokenizer does not have. */
export function givenTokens(
  example: TokenExample,
  tokenizer: Tokenizer,
): Tokenized {
  const unknown = example.ids.findIndex((id) =>
    !(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)
  );
  if (unknown !== -1) {
    throw new DataError(
      `token ${unknown} has the id ${
        example.ids[unknown]
      }, and the tokenizer has 0 to ${
        tokenizer.vocabSize - 1
      }; the row was made with another tokenizer`,
    );
  }
  const ids = Int32Array.from(example.ids); // (T)
  const T = ids.length;
  return {
    text: TOKEN.repeat(T),
    spans: spansOf(example, tokenizer),
    encoding: {
      ids,
      starts: Int32Array.from(ids, (_, t) => t),
      ends: Int32Array.from(ids, (_, t) => t + 1),
    },
  };
}

function spansOf(example: TokenExample, tokenizer: Tokenizer): TextSpan[] {
  const { ids } = example;
  const weightAt = (t: number) => example.weights?.[t] ?? 1;
  const isText = !ids.some((_, t) => weightAt(t) === 0);
  const { bos } = tokenizer.specialIds;
  const isEnd = (t: number) =>
    t > 0 && ids[t] !== bos && tokenizer.isSpecial(ids[t]) &&
    (weightAt(t) > 0 || weightAt(t - 1) > 0);
  const spans: TextSpan[] = [];
  let turn = -1;
  let from = 0;
  while (from < ids.length) {
    const weight = weightAt(from);
    const end = isEnd(from);
    let to = from + 1;
    while (
      !end && to < ids.length && weightAt(to) === weight && !isEnd(to)
    ) to++;
    if (!end) turn++;
    const generated = weight > 0 || end;
    spans.push({
      start: from,
      end: to,
      role: isText ? "text" : generated ? "completion" : "prompt",
      message: Math.max(0, turn),
      kind: end ? "end" : "content",
      generated,
      weight,
    });
    from = to;
  }
  return spans;
}

/** Text of each token, as far as it is certain at that token: a character of several tokens belongs to the last. */
export function textsOf(
  ids: ArrayLike<number>,
  tokenizer: Tokenizer,
): string[] {
  const stream = tokenizer.decoder();
  const texts = Array.from(ids, (id) => stream.push(id));
  if (texts.length > 0) texts[texts.length - 1] += stream.end();
  return texts;
}
