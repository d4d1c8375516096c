/**
 * Several examples a row, each a segment of its own, in as few rows as best-fit decreasing finds.
 * @module
 */
import {
  type Collator,
  type CollatorLimits,
  definePart,
  type Part,
  type RowPlan,
  shuffledIndices,
} from "@denotune/denotune/core";
import { z } from "zod";
import { bestFitDecreasing } from "./_best_fit.ts";
import { layOut } from "./_lay_out.ts";
import { widthOptions } from "./_width.ts";

const options = z.strictObject({
  ...widthOptions,
  window: z.number().int().positive().default(16384).describe(
    "How many examples are looked at together; more pack tighter, fewer keep nearer to the shuffled order (data.streaming: at most 2048)",
  ),
});

/** Options of {@linkcode packed}. */
export type PackedOptions = z.output<typeof options>;

/** Examples packed together under `data.streaming`: the first step waits for them. */
const STREAMED = 2048;

/** Several examples a row. */
export const packed: Part<"collator", z.input<typeof options>, PackedOptions> =
  definePart({
    kind: "collator",
    name: "packed",
    description:
      "Several examples a row of max_length tokens, without attention or labels across their borders",
    options,
    create: (options: PackedOptions): Collator => ({
      window: () => Math.min(options.window, STREAMED),
      plan: (lengths, limits) =>
        pack(lengths, { ...limits, window: options.window }),
      collate: (rows, { maxLength, padId }) =>
        layOut(rows, {
          maxLength,
          padId,
          multipleOf: options.pad_to_multiple_of,
          full: options.pad_to === "max_length",
        }),
    }),
  });

function pack(
  lengths: Int32Array,
  { maxLength, seed, window }: CollatorLimits & { window: number },
): RowPlan {
  const n = lengths.length;
  const members = new Uint32Array(n);
  const ends: number[] = [0];
  let at = 0;
  for (let start = 0; start < n; start += window) {
    const rows = bestFitDecreasing(
      lengths.subarray(start, Math.min(n, start + window)),
      maxLength,
    );
    // packing sorts by length; a shuffle keeps long and short examples from coming in blocks
    for (const r of shuffledIndices(rows.length, seed, start, 0x7061636b)) {
      for (const i of rows[r].sort((a, b) => a - b)) members[at++] = start + i;
      ends.push(at);
    }
  }
  return { offsets: Uint32Array.from(ends), members };
}
