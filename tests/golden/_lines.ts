/**
 * Rows of ids and labels as inputs of the engine: one row a line (padded), or several behind one another.
 * @module
 */
import type { Inputs } from "../../core/contracts/objective.ts";

/** Tokens, and labels that are not shifted (-100: not trained). */
export interface Row {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

/** Lays lines of rows out: each row is a segment of its own, lines are padded to the longest. */
export function layOutLines(lines: readonly (readonly Row[])[]): Inputs {
  const B = lines.length;
  const T = Math.max(
    ...lines.map((line) => line.reduce((n, row) => n + row.ids.length, 0)),
  );
  const tokens = new Int32Array(B * T); // (B, T)
  const positions = new Int32Array(B * T); // (B, T)
  const segments = new Int32Array(B * T); // (B, T), 0 is padding
  const rows: number[] = [];
  const targets: number[] = [];
  lines.forEach((line, b) => {
    let t = b * T;
    line.forEach(({ ids, labels }, s) =>
      ids.forEach((id, i) => {
        tokens[t] = id;
        positions[t] = i;
        segments[t] = s + 1;
        const label = labels[i + 1] ?? -100; // shifted once, here
        if (label >= 0) {
          rows.push(t);
          targets.push(label);
        }
        t++;
      })
    );
  });
  return {
    B,
    T,
    tokens,
    positions,
    segments,
    rows: Int32Array.from(rows),
    targets: Int32Array.from(targets),
    weights: new Float32Array(rows.length).fill(1),
    sources: new Int32Array(rows.length),
    divisor: rows.length,
    rowKeys: Int32Array.from({ length: B * T }, (_, i) => i * 7919),
  };
}
