/**
 * Masks of a batch, from `attention_mask` (B, P + T): P earlier tokens, T new ones. Padding may be before a row's
 * tokens or behind them. Places of tokens count those that are none of it, so that a window is as wide for a padded
 * row as for one alone.
 *
 * ```text
 * attention_mask   0 0 1 1 1 | 1 1      places   -1 -1 0 1 2 | 3 4
 * attention_mask   1 1 1 0 0 | 1 1               0 1 2 2 2 | 3 4
 * ```
 * @module
 */
import type { GraphBuilder } from "./builder.ts";
import type { Batch } from "./translation.ts";

/** What is added to a score that must not count: far below every score, and finite, so that padding sees no NaN. */
const UNSEEN = -1e30;

/** The masks of a batch. `cached`: there are earlier tokens. */
export function batchOf(
  onnx: GraphBuilder,
  { mask, cached }: { readonly mask: string; readonly cached: boolean },
): Batch {
  const all = () =>
    onnx.node("Shape", [mask], { start: { int: 1 }, end: { int: 2 } });
  /** Number of earlier tokens, padding included: a list of one. */
  const past = () =>
    cached ? onnx.node("Sub", [all(), onnx.size("T")]) : onnx.ints([0]);
  const ofNew = (value: string) =>
    cached ? onnx.slice(value, { axis: 1, start: past(), end: all() }) : value;
  const scalar = (list: string) => onnx.node("Squeeze", [list, onnx.ints([0])]);
  const unsqueeze = (value: string, axes: readonly number[]) =>
    onnx.node("Unsqueeze", [value, onnx.ints(axes)]);
  const range = (from: string, to: string) =>
    onnx.node("Range", [from, to, onnx.int(1)]);
  const pairs = (operator: string, queries: string, keys: string) =>
    onnx.node(operator, [unsqueeze(queries, [2]), unsqueeze(keys, [1])]);
  return {
    mask,
    fresh: () => onnx.cast(ofNew(mask), "float32"),
    bias({ causal, window, segments }) {
      const rules: string[] = [];
      if (causal) {
        // places of columns decide: padding behind a row's tokens is masked below
        const total = scalar(all());
        const keys = unsqueeze(range(onnx.int(0), total), [0]);
        const queries = unsqueeze(range(scalar(past()), total), [1]);
        const earlier = onnx.node("LessOrEqual", [keys, queries]);
        rules.push(unsqueeze(earlier, [0]));
      }
      rules.push(
        segments
          ? pairs("Equal", ofNew(mask), mask)
          : unsqueeze(onnx.cast(mask, "bool"), [1]),
      );
      if (window !== null) {
        const places = onnx.node("CumSum", [mask, onnx.int(1)]);
        const apart = pairs("Sub", ofNew(places), places);
        rules.push(onnx.node("Less", [apart, onnx.int(window)]));
        if (!causal) {
          rules.push(onnx.node("Less", [onnx.int(-window), apart]));
        }
      }
      const seen = rules.reduce((a, b) => onnx.node("And", [a, b]));
      const bias = onnx.node("Where", [
        seen,
        onnx.float(0),
        onnx.float(UNSEEN),
      ]);
      return unsqueeze(bias, [1, 2]);
    },
  };
}
