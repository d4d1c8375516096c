/**
 * Tables of rotary positions. Frequencies and angles are rounded to float32 where transformers rounds them: at
 * position 100,000 the last bit of a frequency is a hundredth of a turn.
 *
 * - `default`: theta^(-2i/D) (arXiv:2104.09864)
 * - `linear`: every frequency divided by `factor` (arXiv:2306.15595)
 * - `dynamic`: as `default` up to the positions that the model was made for; beyond them the base would grow with
 *   the longest row of a batch
 * - `llama3`: long waves divided by `factor`, short ones left, those between smoothed (Llama 3.1)
 * - `yarn`: as `llama3` with a ramp over the pairs, and cosines and sines multiplied (arXiv:2309.00071)
 * - `longrope`: a divisor for each pair, one list for short runs and one for long ones (arXiv:2402.13753)
 * - `proportional`: only the first pairs of a head turn, at the frequencies that they have among all
 * @module
 */

/** How rotary frequencies are made. */
export type RopeScaling =
  & {
    readonly theta: number;
    /** Columns of a head that turn, its first ones; an odd number is rounded up. Absent: all. */
    readonly rotaryDim?: number;
  }
  & (
    | { readonly type: "default" }
    | { readonly type: "linear"; readonly factor: number }
    | { readonly type: "dynamic"; readonly maxPositions: number }
    | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequency: number;
      readonly highFrequency: number;
      readonly originalPositions: number;
    }
    | {
      readonly type: "yarn";
      readonly factor: number;
      /** Turns within the original positions from which a pair is left as it is, and below which it is divided. */
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalPositions: number;
      /** Whether the ends of the ramp are whole pairs. */
      readonly truncate: boolean;
      /** What cosines and sines are multiplied by. */
      readonly attentionFactor: number;
    }
    | {
      readonly type: "longrope";
      /** Divisors of runs within the original positions, and of longer ones: one a pair. */
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly originalPositions: number;
      /** What cosines and sines are multiplied by. */
      readonly attentionFactor: number;
    }
    | {
      readonly type: "proportional";
      readonly factor: number;
      /** Pairs that turn. */
      readonly pairs: number;
    }
  );

const f = Math.fround;

/** Columns of a head that turn: even. */
export function rotaryColumns(scaling: RopeScaling, headDim: number): number {
  return 2 * Math.ceil((scaling.rotaryDim ?? headDim) / 2);
}

/**
 * Angles that a position turns by, one for each pair of columns (rotary / 2), in float32. `positions`: one more
 * than the largest position of the run; it chooses between the two lists of `longrope`.
 */
export function rotaryFrequencies(
  scaling: RopeScaling,
  { headDim, positions }: { headDim: number; positions: number },
): Float32Array {
  const D = scaling.rotaryDim ?? headDim;
  const theta = f(scaling.theta);
  const period = (i: number) => f(Math.pow(theta, f((2 * i) / D)));
  return Float32Array.from(
    { length: rotaryColumns(scaling, headDim) / 2 },
    frequencyOf(scaling, { D, positions, period }),
  );
}

/** The frequency of a pair; `period` is theta^(2i/D). */
function frequencyOf(
  scaling: RopeScaling,
  { D, positions, period }: {
    readonly D: number;
    readonly positions: number;
    readonly period: (pair: number) => number;
  },
): (_: unknown, pair: number) => number {
  switch (scaling.type) {
    case "default":
      return (_, i) => f(1 / period(i));
    case "dynamic":
      if (positions > scaling.maxPositions) {
        throw new RangeError(
          `Dynamic rotary frequencies are known up to ${scaling.maxPositions} positions; ${positions} were asked for`,
        );
      }
      return (_, i) => f(1 / period(i));
    case "linear":
      return (_, i) => f(f(1 / period(i)) / f(scaling.factor));
    case "proportional":
      return (_, i) =>
        i < scaling.pairs ? f(f(1 / period(i)) / f(scaling.factor)) : 0;
    case "longrope": {
      const factors = positions > scaling.originalPositions
        ? scaling.longFactors
        : scaling.shortFactors;
      return (_, i) => f(1 / f(f(factors[i]) * period(i)));
    }
    case "llama3":
      return (_, i) => smoothed(f(1 / period(i)), scaling);
    case "yarn": {
      const share = yarnRamp(scaling, D);
      return (_, i) => {
        const divided = f(1 / f(f(scaling.factor) * period(i)));
        const left = f(1 - share(i));
        return f(f(divided * f(1 - left)) + f(f(1 / period(i)) * left));
      };
    }
  }
}

/** Llama 3.1's: by the length of the wave. */
function smoothed(
  frequency: number,
  scaling: RopeScaling & { readonly type: "llama3" },
): number {
  const { lowFrequency, highFrequency, originalPositions } = scaling;
  const factor = f(scaling.factor);
  const wave = f(f(2 * Math.PI) / frequency);
  if (wave < f(originalPositions / highFrequency)) return frequency;
  if (wave > f(originalPositions / lowFrequency)) return f(frequency / factor);
  const smooth = f(
    f(f(originalPositions / wave) - f(lowFrequency)) /
      f(highFrequency - lowFrequency),
  );
  return f(f(f(f(1 - smooth) * frequency) / factor) + f(smooth * frequency));
}

/** How much of a pair's frequency is divided: 0 for short waves, 1 for long ones. */
function yarnRamp(
  scaling: RopeScaling & { readonly type: "yarn" },
  D: number,
): (pair: number) => number {
  const { theta, betaFast, betaSlow, originalPositions, truncate } = scaling;
  // the pair that turns so often within the original positions
  const pairOf = (turns: number) =>
    D * Math.log(originalPositions / (turns * 2 * Math.PI)) /
    (2 * Math.log(theta));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, D - 1);
  const width = low === high ? 0.001 : high - low;
  return (i) => Math.min(1, Math.max(0, f(f(i - f(low)) / f(width))));
}

/**
 * The table of `ops/rope.ts`: (positions, rotary), cosines then sines of rotary / 2 angles. `scaleOf` multiplies
 * the whole row of a position: what turns by it is scaled by it.
 */
export function rotaryTable(
  scaling: RopeScaling,
  { positions, headDim, scaleOf }: {
    positions: number;
    headDim: number;
    scaleOf?: (position: number) => number;
  },
): Float32Array {
  const frequencies = rotaryFrequencies(scaling, { headDim, positions });
  const half = frequencies.length;
  const factor = "attentionFactor" in scaling ? f(scaling.attentionFactor) : 1;
  const table = new Float32Array(positions * 2 * half);
  for (let p = 0; p < positions; p++) {
    const scale = scaleOf?.(p) ?? 1;
    for (let i = 0; i < half; i++) {
      const angle = f(p * frequencies[i]);
      const at = p * 2 * half + i;
      table[at] = f(f(Math.cos(angle)) * factor) * scale;
      table[at + half] = f(f(Math.sin(angle)) * factor) * scale;
    }
  }
  return table;
}
