/**
 * Which tokens are hidden, and what each of them weighs in the loss.
 *
 * ```text
 * tokens      q q q a b c d e     one sequence: a prompt and five candidates
 * weights     0 0 0 1 1 1 1 1
 * training    q q q _ b _ d e     each with p = (1 - eps) t + eps, t drawn for the sequence; weight 1 / p
 * evaluation  q q q a _ _ _ e     exactly l of n, l drawn from 1 .. n; weight n / l
 * ```
 *
 * Both have the same mean, the bound of the likelihood of LLaDA (arXiv:2502.09992, equations 3 and 6); the second
 * varies less. Everything is drawn from (seed, step, number of the sequence in the step, place in the sequence), so
 * that packing, accumulation and resumed runs change nothing.
 * @module
 */
import {
  type Batch,
  hash32,
  type StepKey,
  uniformAt,
} from "@denotune/denotune/core";

/** How tokens are hidden. */
export interface NoiseOptions {
  /** Least probability with which a token is hidden. */
  readonly eps: number;
  /** Whether each token counts the same, or each sequence. */
  readonly normalize: "tokens" | "rows";
  /** Share of the sequences without a prompt that are cut to a random length in training. */
  readonly random_length: number;
  /** Whether a token is predicted at the place before it: then the first of a sequence cannot be. */
  readonly shift: boolean;
}

/** A batch with noise. */
export interface Noise {
  /** Factor of each token's weight (B, T); 0: it is not hidden. */
  readonly factors: Float64Array; // (B, T)
  /** The batch's segments, without what is cut off. */
  readonly segments: Int32Array; // (B, T)
  /** What the losses are divided by: the candidates' weights, or the sequences that have a candidate. */
  readonly divisor: number;
  /** The same by data source. */
  readonly divisorBySource: readonly number[];
}

/** Streams of random numbers. */
const [LEVEL, HIDE, CUT] = [0x6c65766c, 0x68696465, 0x63757420];

/** Draws the noise of a batch. */
export function drawNoise(
  batch: Batch,
  key: StepKey,
  options: NoiseOptions,
): Noise {
  const sequences = [...sequencesOf(batch)];
  const factors = new Float64Array(batch.B * batch.T); // (B, T)
  const cuts = options.random_length > 0 && key.training;
  const segments = cuts ? batch.segments.slice() : batch.segments;
  const divisorBySource = new Array<number>(1 + Math.max(0, ...batch.sources))
    .fill(0);
  let divisor = 0;
  sequences.forEach(({ from, to }, n) => {
    const ordinal = (key.firstSequence ?? key.firstRow) + n;
    const own = hash32(key.seed, key.step, key.draw ?? 0, ordinal);
    const end = cuts ? cutEnd(batch, { from, to }, own, options) : to;
    if (end < to) segments.fill(0, end, to); // what is cut off becomes padding
    const places = candidates(batch, { from, to: end }, options);
    const total = places.reduce((sum, at) => sum + batch.weights[at], 0);
    if (total === 0) return;
    const share = options.normalize === "tokens" ? total : 1;
    const level = levelOf(own, {
      key,
      ordinal,
      sequences: key.sequences ?? sequences.length,
    });
    const hidden = key.training
      ? hideEach(places, own, { from, level, eps: options.eps })
      : hideExactly(places, own, { from, level });
    for (const at of hidden.places) {
      factors[at] = hidden.factor * share / total;
    }
    const source = batch.sources[from];
    divisor += share;
    divisorBySource[source] += share;
  });
  return { factors, segments, divisor, divisorBySource };
}

/** Tokens `from` to before `to` of (B, T). */
interface Sequence {
  readonly from: number;
  readonly to: number;
}

function* sequencesOf({ B, T, segments }: Batch): Generator<Sequence> {
  for (let row = 0; row < B * T; row += T) {
    for (let from = row; from < row + T;) {
      let to = from + 1;
      while (to < row + T && segments[to] === segments[from]) to++;
      if (segments[from] !== 0) yield { from, to };
      from = to;
    }
  }
}

function candidates(
  { weights }: Batch,
  { from, to }: Sequence,
  { shift }: NoiseOptions,
): number[] {
  const places: number[] = [];
  for (let at = shift ? from + 1 : from; at < to; at++) {
    if (weights[at] > 0) places.push(at);
  }
  return places;
}

/** Where a sequence ends: some of those that have no prompt are cut to a length from 1 to their own. */
function cutEnd(
  { weights }: Batch,
  { from, to }: Sequence,
  own: number,
  { random_length }: NoiseOptions,
): number {
  // the first may be BOS, which is never trained
  const hasPrompt = weights.subarray(from + 1, to).some((w) => w === 0);
  if (hasPrompt || uniformAt(own, CUT, 0) >= random_length) return to;
  return from + 1 + Math.floor(uniformAt(own, CUT, 1) * (to - from));
}

/**
 * The level t in [0, 1) of a sequence. Those of a step are spread evenly: n sequences fall into n equal parts of
 * [0, 1), one each, and where in its part a level falls is drawn.
 */
function levelOf(
  own: number,
  { key: { seed, step, draw = 0 }, ordinal, sequences }: {
    readonly key: StepKey;
    readonly ordinal: number;
    readonly sequences: number;
  },
): number {
  // where the first part begins is drawn too: the first sequence is not always the one with the lowest level
  const start = Math.floor(
    uniformAt(hash32(seed, step, draw), LEVEL, 0) * sequences,
  );
  const part = (start + ordinal) % sequences;
  return (part + uniformAt(own, LEVEL, 1)) / sequences;
}

/** Hides each place with its probability. */
function hideEach(
  places: readonly number[],
  own: number,
  { from, level, eps }: { from: number; level: number; eps: number },
) {
  const p = (1 - eps) * level + eps;
  return {
    places: places.filter((at) => uniformAt(own, HIDE, at - from) < p),
    factor: 1 / p,
  };
}

/** Hides so many places as the level says, of 1 to all of them: those with the least random numbers. */
function hideExactly(
  places: readonly number[],
  own: number,
  { from, level }: { from: number; level: number },
) {
  const count = 1 + Math.floor(level * places.length);
  const drawn = (at: number) => uniformAt(own, HIDE, at - from);
  return {
    places: places.toSorted((a, b) => drawn(a) - drawn(b) || a - b)
      .slice(0, count),
    factor: places.length / count,
  };
}
