/**
 * What the benchmarks of WebGPU share.
 * @module
 */
import type { Inputs } from "@denotune/denotune/core";

/** A batch whose every token is trained: the next of a fixed sequence. */
export function makeInputs(
  { B, T, vocabulary }: { B: number; T: number; vocabulary: number },
): Inputs {
  const N = B * T;
  const tokens = Int32Array.from(
    { length: N },
    (_, i) => (i * 7919 + Math.floor(i / 3) * 31) % vocabulary,
  );
  return {
    B,
    T,
    tokens,
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segments: new Int32Array(N).fill(1),
    rowKeys: Int32Array.from({ length: N }, (_, i) => i),
    rows: Int32Array.from({ length: N }, (_, i) => i),
    targets: Int32Array.from(
      { length: N },
      (_, i) => tokens[(i + 1) % N],
    ),
    weights: new Float32Array(N).fill(1),
    sources: new Int32Array(N),
    divisor: N,
  } as Inputs;
}

/** A text in a column; a negative width puts it to the right. */
export function cell(text: string, width: number): string {
  return width < 0 ? text.padStart(-width) : text.padEnd(width);
}
