/**
 * One example a row, padded at the end.
 * @module
 */
import {
  type Collator,
  type CollatorLimits,
  definePart,
  type Part,
  randomFrom,
} from "@denotune/denotune/core";
import { z } from "zod";
import { layOut } from "./_lay_out.ts";
import { widthOptions } from "./_width.ts";

const options = z.strictObject({
  ...widthOptions,
  group_by_length: z.boolean().default(false).describe(
    "Whether batches are made of examples of similar length: less padding, and an order that is less random",
  ),
});

/** Options of {@linkcode padded}. */
export type PaddedOptions = z.output<typeof options>;

/** Batches within which lengths are sorted when they are grouped. */
const GROUP_BATCHES = 50;

/** One example a row. */
export const padded: Part<"collator", z.input<typeof options>, PaddedOptions> =
  definePart({
    kind: "collator",
    name: "padded",
    description:
      "One example a row, padded to the longest of the batch, to a multiple, or to max_length",
    options,
    create: (options: PaddedOptions): Collator => ({
      window: ({ batchSize }) =>
        options.group_by_length ? batchSize * GROUP_BATCHES : batchSize,
      plan: (lengths, limits) => {
        const offsets = Uint32Array.from(
          { length: lengths.length + 1 },
          (_, r) => r,
        );
        const members = options.group_by_length
          ? grouped(lengths, limits)
          : offsets.subarray(0, lengths.length); // the same numbers: millions of rows need them once
        return { offsets, members };
      },
      collate: (rows, { maxLength, padId }) =>
        layOut(rows, {
          maxLength,
          padId,
          multipleOf: options.pad_to_multiple_of,
          full: options.pad_to === "max_length",
        }),
    }),
  });

/** Sorts by length within windows of {@linkcode GROUP_BATCHES} batches, then shuffles the batches of all windows. */
function grouped(
  lengths: Int32Array,
  { batchSize, seed }: CollatorLimits,
): Uint32Array {
  const n = lengths.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const window = batchSize * GROUP_BATCHES;
  for (let start = 0; start < n; start += window) {
    order.subarray(start, Math.min(n, start + window)).sort((a, b) =>
      lengths[b] - lengths[a] || a - b
    );
  }
  const batches = Math.ceil(n / batchSize);
  const full = Math.floor(n / batchSize); // a short last batch stays last
  const random = randomFrom(seed, 0x67726f75);
  const turn = Uint32Array.from({ length: batches }, (_, i) => i);
  for (let i = full - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [turn[i], turn[j]] = [turn[j], turn[i]];
  }
  const members = new Uint32Array(n);
  for (let b = 0, at = 0; b < batches; b++) {
    const from = turn[b] * batchSize;
    const batch = order.subarray(from, Math.min(n, from + batchSize));
    members.set(batch, at);
    at += batch.length;
  }
  return members;
}
