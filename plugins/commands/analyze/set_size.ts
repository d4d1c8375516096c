/**
 * What the number of rows is good for: 1,000 to 10,000 rows of high quality teach a model to follow instructions, more
 * need filtering, and from a million on quality is hard to hold (practice of instruction tuning; LIMA trained 1,000
 * rows, Alpaca 52,000).
 * @module
 */
import { showWhole } from "@denotune/denotune/core";

/** A judgement on the size of a set. */
export interface SetSize {
  /** Different rows: all rows less the repeated ones. */
  readonly rows: number;
  /** How they are judged. */
  readonly judgement:
    | "too few"
    | "few"
    | "good"
    | "medium"
    | "large"
    | "very large";
  /** What to do with a set of this size. */
  readonly advice: string;
}

const SIZES: readonly (readonly [number, Omit<SetSize, "rows">])[] = [
  [100, {
    judgement: "too few",
    advice:
      "enough to try everything out; a model learns so few by heart. Write or collect more",
  }],
  [1000, {
    judgement: "few",
    advice:
      "enough for one narrow task or style, with an adapter; hold rows back, and stop early",
  }],
  [10_001, {
    judgement: "good",
    advice:
      "the usual size for rows of high quality: each of them counts, so read some of them",
  }],
  [100_001, {
    judgement: "medium",
    advice:
      "filter what the findings show before training: a tenth of the rows, well chosen, often does as well",
  }],
  [1_000_000, {
    judgement: "large",
    advice: "filter, then train for one epoch; nobody has read them all",
  }],
  [Infinity, {
    judgement: "very large",
    advice:
      "rows of so many hands teach bad patterns too: filter hard, or take them for pre-training, streamed",
  }],
];

/** Judges a set by its different rows. */
export function sizeOf(rows: number, duplicates: number): SetSize {
  const different = Math.max(0, rows - duplicates);
  const [, judged] = SIZES.find(([below]) => different < below) ?? SIZES[0];
  return { rows: different, ...judged };
}

/** The judgement in one sentence. */
export function describeSize({ rows, judgement, advice }: SetSize): string {
  return `${showWhole(rows)} different rows, ${judgement}: ${advice}`;
}
