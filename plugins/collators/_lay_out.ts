/**
 * Writes examples side by side into a rectangle.
 *
 * ```text
 * tokens     a b c d e _      two examples (abc, de) and one place of padding
 * positions  0 1 2 0 1 0
 * segments   1 1 1 2 2 0
 * ```
 *
 * An example of several sequences takes a segment for each; `groups` then numbers the examples.
 * @module
 */
import {
  type Batch,
  PluginError,
  type WeightedExample,
} from "@denotune/denotune/core";

/** How wide the rectangle is. */
export interface Width {
  /** Longest row allowed. */
  readonly maxLength: number;
  /** The width is rounded up to a multiple of this, but not above `maxLength`. */
  readonly multipleOf: number;
  /** Whether every rectangle is `maxLength` wide. */
  readonly full: boolean;
  readonly padId: number;
}

/** Lays out rows of examples; padding is known by length alone, never by its id. */
export function layOut(
  rows: readonly (readonly WeightedExample[])[],
  width: Width,
): Batch {
  const B = rows.length;
  const lengths = rows.map((row) =>
    row.reduce((sum, example) => sum + example.ids.length, 0)
  );
  const longest = Math.max(1, ...lengths);
  if (longest > width.maxLength) {
    throw new PluginError(
      `Cannot lay out a row of ${longest} tokens: max_length is ${width.maxLength}`,
    );
  }
  const T = width.full ? width.maxLength : Math.min(
    width.maxLength,
    Math.ceil(longest / width.multipleOf) * width.multipleOf,
  );

  const tokens = new Int32Array(B * T).fill(width.padId); // (B, T)
  const weights = new Float32Array(B * T); // (B, T)
  const positions = new Int32Array(B * T); // (B, T)
  const segments = new Int32Array(B * T); // (B, T)
  const sources = new Int32Array(B * T); // (B, T)
  const hasGroups = rows.some((row) =>
    row.some((e) => e.lengths !== undefined)
  );
  const groups = hasGroups ? new Int32Array(B * T) : undefined; // (B, T)
  let examples = 0;
  for (const [b, row] of rows.entries()) {
    let at = b * T;
    let segment = 0;
    for (const { ids, weights: own, source, lengths } of row) {
      examples++;
      tokens.set(ids, at);
      weights.set(own, at);
      sources.fill(source, at, at + ids.length);
      groups?.fill(examples, at, at + ids.length);
      for (const length of lengths ?? [ids.length]) {
        const end = at + length;
        segments.fill(++segment, at, end);
        for (let t = at; t < end; t++) positions[t] = t - at;
        at = end;
      }
    }
  }
  return {
    B,
    T,
    tokens,
    weights,
    positions,
    segments,
    sources,
    ...(groups === undefined ? {} : { groups }),
    realTokens: lengths.reduce((sum, length) => sum + length, 0),
    examples,
    firstRow: rows[0]?.[0]?.row ?? 0,
  };
}
