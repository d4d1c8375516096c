/**
 * Examples as a batch, without a collator.
 * @module
 */
import type { Batch, WeightedExample } from "@denotune/denotune/core";

/** Rows of examples, padded to the longest and `more` places beyond. */
export function layOutExamples(
  rows: readonly (readonly Omit<WeightedExample, "row">[])[],
  more = 0,
): Batch {
  const B = rows.length;
  const lengths = rows.map((row) =>
    row.reduce((n, { ids }) => n + ids.length, 0)
  );
  const T = Math.max(...lengths) + more;
  const batch = {
    B,
    T,
    tokens: new Int32Array(B * T),
    weights: new Float32Array(B * T),
    positions: new Int32Array(B * T),
    segments: new Int32Array(B * T),
    sources: new Int32Array(B * T),
    groups: new Int32Array(B * T),
  };
  let examples = 0;
  rows.forEach((row, b) => {
    let at = b * T;
    let segment = 0;
    for (const { ids, weights, source, lengths = [ids.length] } of row) {
      batch.tokens.set(ids, at);
      batch.weights.set(weights, at);
      batch.sources.fill(source, at, at + ids.length);
      batch.groups.fill(++examples, at, at + ids.length);
      for (const length of lengths) {
        segment++;
        for (let t = 0; t < length; t++, at++) {
          batch.segments[at] = segment;
          batch.positions[at] = t;
        }
      }
    }
  });
  return {
    ...batch,
    realTokens: lengths.reduce((a, b) => a + b, 0),
    examples,
    firstRow: 0,
  };
}
