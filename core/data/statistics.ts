/**
 * Counts that preparation keeps while it goes through the rows.
 * @module
 */
import type { Tokenizer } from "../contracts/tokenizer.ts";
import type { WeightedText } from "./examples/weighted_text.ts";
import { isCut, isTrained, type Piece } from "./examples/truncate.ts";

/** Counts of one source. */
export interface SourceCounts {
  /** Rows read. */
  rows: number;
  /** Examples that are trained on. */
  examples: number;
  /** Tokens of these. */
  tokens: number;
  /** Of these, tokens with a weight. */
  trainedTokens: number;
}

/** The place of a row: its source and its index there. */
export interface RowPlace {
  /** Index of the source. */
  readonly source: number;
  /** Index of the record within it. */
  readonly record: number;
}

/** The counts as data: what workers send and the cache keeps. */
export type StatisticsData = Omit<
  Statistics,
  "refuse" | "skipBad" | "add" | "merge"
>;

/** Counts over all rows. */
export class Statistics {
  /** Counts of each source. */
  readonly sources: SourceCounts[];
  /** Rows read. */
  rows = 0;
  /** Rows without a target after truncation. */
  untrainedRows = 0;
  /** The first row without a target, whose sample errors show. */
  firstUntrained: RowPlace | null = null;
  /** Rows that would have targets, were they not cut. */
  untrainedByTruncation = 0;
  /** Rows whose spans could not be verified. */
  refusedRows = 0;
  /** Why, for the first of them. */
  firstRefusal: string | null = null;
  /** The first of them. */
  firstRefused: RowPlace | null = null;
  /** Rows that could not be read, or that their format refused. */
  badRows = 0;
  /** What is wrong with the first of them. */
  firstBad: string | null = null;
  /** Rows that were too long. */
  rowsCut = 0;
  /** Of these, rows dropped whole. */
  rowsDropped = 0;
  /** Tokens cut away. */
  tokensLost = 0;
  /** Of these, tokens with a weight. */
  trainedTokensLost = 0;
  /** Tokens over trained and untrained text. */
  straddledTokens = 0;
  /** Rows that have one. */
  straddledRows = 0;
  /** Rows with a turn that the model ends. */
  rowsWithEnd = 0;
  /** Of these, rows whose end is trained. */
  rowsWithTrainedEnd = 0;
  /** The first row whose end is not. */
  firstWithoutEnd: RowPlace | null = null;
  /** Rows without a prompt: all of their tokens are trained, BOS aside. */
  promptlessRows = 0;
  /** The first of them. */
  firstPromptless: RowPlace | null = null;
  /** Rows that start with two BOS tokens. */
  doubleBosRows = 0;
  /** The first of them. */
  firstDoubleBos: RowPlace | null = null;
  /** Largest id seen; -1 before any. */
  largestId: number = -1;
  /** Smallest id seen; 0 or below. */
  smallestId = 0;
  /** Tokens of the longest example. */
  longest = 0;

  /** All counts at 0. */
  constructor(sources: number) {
    this.sources = Array.from(
      { length: sources },
      () => ({ rows: 0, examples: 0, tokens: 0, trainedTokens: 0 }),
    );
  }

  /** Counts a row whose spans could not be verified. */
  refuse(reason: string, place: RowPlace): void {
    this.rows++;
    this.sources[place.source].rows++;
    this.refusedRows++;
    this.firstRefusal ??= reason;
    this.firstRefused ??= place;
  }

  /** Counts a row that could not be read. */
  skipBad(problem: string, place: RowPlace): void {
    this.rows++;
    this.sources[place.source].rows++;
    this.badRows++;
    this.firstBad ??= problem;
  }

  /** Adds the counts of rows that come after all rows counted so far. */
  merge(later: StatisticsData): void {
    for (const [k, counts] of later.sources.entries()) {
      const own = this.sources[k];
      own.rows += counts.rows;
      own.examples += counts.examples;
      own.tokens += counts.tokens;
      own.trainedTokens += counts.trainedTokens;
    }
    this.rows += later.rows;
    this.untrainedRows += later.untrainedRows;
    this.firstUntrained ??= later.firstUntrained;
    this.untrainedByTruncation += later.untrainedByTruncation;
    this.refusedRows += later.refusedRows;
    this.firstRefusal ??= later.firstRefusal;
    this.firstRefused ??= later.firstRefused;
    this.badRows += later.badRows;
    this.firstBad ??= later.firstBad;
    this.rowsCut += later.rowsCut;
    this.rowsDropped += later.rowsDropped;
    this.tokensLost += later.tokensLost;
    this.trainedTokensLost += later.trainedTokensLost;
    this.straddledTokens += later.straddledTokens;
    this.straddledRows += later.straddledRows;
    this.rowsWithEnd += later.rowsWithEnd;
    this.rowsWithTrainedEnd += later.rowsWithTrainedEnd;
    this.firstWithoutEnd ??= later.firstWithoutEnd;
    this.promptlessRows += later.promptlessRows;
    this.firstPromptless ??= later.firstPromptless;
    this.doubleBosRows += later.doubleBosRows;
    this.firstDoubleBos ??= later.firstDoubleBos;
    this.largestId = Math.max(this.largestId, later.largestId);
    this.smallestId = Math.min(this.smallestId, later.smallestId);
    this.longest = Math.max(this.longest, later.longest);
  }

  /** Counts a row and gives the pieces that are trained on. */
  add(
    row: { text: WeightedText; pieces: readonly Piece[] },
    place: RowPlace,
    tokenizer: Tokenizer,
  ): Piece[] {
    const { text, pieces } = row;
    const counts = this.sources[place.source];
    this.rows++;
    counts.rows++;
    const trainedBefore = countTrained(text.weights);
    let tokens = 0;
    let trained = 0;
    const kept: Piece[] = [];
    for (const piece of pieces) {
      const own = countTrained(piece.weights);
      tokens += piece.ids.length - (piece.bos ? 1 : 0);
      trained += own;
      if (isTrained(piece)) kept.push(piece);
    }
    if (isCut(text, pieces)) {
      this.rowsCut++;
      if (pieces.length === 0) this.rowsDropped++;
      this.tokensLost += Math.max(0, text.encoding.ids.length - tokens);
      this.trainedTokensLost += Math.max(0, trainedBefore - trained);
    }
    if (text.straddled > 0) {
      this.straddledRows++;
      this.straddledTokens += text.straddled;
    }
    this.#lookAtIds(text, place, tokenizer);
    if (isPromptless(text, tokenizer)) {
      this.promptlessRows++;
      this.firstPromptless ??= place;
    }
    if (pieces.length > 0 && kept.length === 0) {
      this.untrainedRows++;
      this.firstUntrained ??= place;
      if (trainedBefore > 0) this.untrainedByTruncation++;
    }
    if (kept.length > 0) this.#lookAtEnds(text, kept, place);
    for (const piece of kept) {
      counts.examples++;
      counts.tokens += piece.ids.length;
      counts.trainedTokens += countTrained(piece.weights);
      this.longest = Math.max(this.longest, piece.ids.length);
    }
    return kept;
  }

  #lookAtIds(
    { encoding: { ids } }: WeightedText,
    place: RowPlace,
    tokenizer: Tokenizer,
  ): void {
    for (const id of ids) {
      if (id > this.largestId) this.largestId = id;
      if (id < this.smallestId) this.smallestId = id;
    }
    const { bos } = tokenizer.specialIds;
    if (bos !== null && ids.length > 1 && ids[0] === bos && ids[1] === bos) {
      this.doubleBosRows++;
      this.firstDoubleBos ??= place;
    }
  }

  #lookAtEnds(
    text: WeightedText,
    kept: readonly Piece[],
    place: RowPlace,
  ): void {
    if (text.spans.some((span) => span.kind === "end" && span.generated)) {
      this.rowsWithEnd++;
    }
    if (kept.some(trainsEnd)) this.rowsWithTrainedEnd++;
    else this.firstWithoutEnd ??= place;
  }
}

/** Whether every token but BOS is trained: nothing is there to answer to. */
function isPromptless(
  { encoding: { ids }, weights }: WeightedText,
  { specialIds: { bos } }: Tokenizer,
): boolean {
  const from = ids[0] === bos ? 1 : 0;
  return ids.length > from &&
    weights.subarray(from).every((weight) => weight > 0);
}

/** Tokens with a weight above 0. */
export function countTrained(weights: Float32Array): number {
  let n = 0;
  for (const weight of weights) if (weight > 0) n++;
  return n;
}

/** Whether the last token of some end marker is trained: a model that writes all but that does not stop. */
function trainsEnd(
  { of: { spans, encoding }, from, to, bos, weights }: Piece,
): boolean {
  const lead = bos ? 1 : 0;
  let t = from;
  for (const span of spans) {
    if (span.kind !== "end" || !span.generated || span.end <= span.start) {
      continue;
    }
    // the token that holds the marker's last character; tokens are in the order of their text
    while (t < to && encoding.ends[t] < span.end) t++;
    if (
      t < to && encoding.starts[t] < span.end && weights[lead + t - from] > 0
    ) return true;
  }
  return false;
}
