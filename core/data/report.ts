/**
 * The report of a prepared set, from the counts.
 * @module
 */
import type { Statistics } from "./statistics.ts";
import type { DataOptions, DataReport } from "./types.ts";

/** What a report is made from. */
export interface ReportInput {
  readonly statistics: Statistics;
  readonly names: readonly string[];
  readonly shares: readonly number[] | null;
  readonly options: DataOptions;
  /** Examples drawn in the first epoch. */
  readonly drawn: number;
  readonly packs: number;
  readonly steps: number;
}

/** The report. */
export function reportOf(
  { statistics: s, names, shares, options, drawn, packs, steps }: ReportInput,
): DataReport {
  const sum = (key: "examples" | "tokens" | "trainedTokens"): number =>
    s.sources.reduce((total, source) => total + source[key], 0);
  const examples = sum("examples");
  const tokens = sum("tokens");
  return {
    sources: s.sources.map((source, k) => ({
      name: names[k],
      ...source,
      share: shares === null ? source.examples / examples : shares[k],
    })),
    rows: s.rows,
    examples,
    drawn,
    packs,
    steps,
    tokens,
    trainedTokens: sum("trainedTokens"),
    longest: s.longest,
    packing: drawn === examples ? tokens / (packs * options.max_length) : null,
    untrainedRows: s.untrainedRows,
    refusedRows: s.refusedRows,
    badRows: s.badRows,
    firstBad: s.firstBad,
    firstRefusal: s.firstRefusal,
    truncation: {
      rowsCut: s.rowsCut,
      rowsDropped: s.rowsDropped,
      tokensLost: s.tokensLost,
      trainedTokensLost: s.trainedTokensLost,
    },
    straddledTokens: s.straddledTokens,
    straddledRows: s.straddledRows,
    rowsWithEnd: s.rowsWithEnd,
    rowsWithTrainedEnd: s.rowsWithTrainedEnd,
    doubleBosRows: s.doubleBosRows,
    largestId: s.largestId,
    startLine: startLine({ rows: s.rows, examples, drawn, packs, steps }),
    notices: noticesOf(s, options),
  };
}

/** `999 rows -> 212 packs -> 53 steps an epoch`; examples are named where they are not the rows. */
function startLine(
  n: {
    rows: number;
    examples: number;
    drawn: number;
    packs: number;
    steps: number;
  },
): string {
  const parts = [count(n.rows, "row")];
  if (n.examples !== n.rows) parts.push(count(n.examples, "example"));
  if (n.drawn !== n.examples) parts.push(`${n.drawn} drawn`);
  if (n.packs !== n.drawn) parts.push(count(n.packs, "pack"));
  parts.push(`${count(n.steps, "step")} an epoch`);
  return parts.join(" -> ");
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** What of the counts is worth saying, one sentence each. */
export function noticesOf(s: Statistics, options: DataOptions): string[] {
  const notices: string[] = [];
  const percent = (n: number): string =>
    `${Number((100 * n / Math.max(1, s.rows)).toPrecision(2))}%`;
  if (s.rowsCut > 0) {
    notices.push(
      `${count(s.rowsCut, "row")} (${
        percent(s.rowsCut)
      }) longer than max_length ${options.max_length}: ${options.truncation}` +
        (s.rowsDropped > 0 ? `, ${s.rowsDropped} dropped` : "") +
        `, ${count(s.trainedTokensLost, "trained token")} lost.`,
    );
  }
  if (s.untrainedRows > 0) {
    notices.push(
      `${count(s.untrainedRows, "row")} (${
        percent(s.untrainedRows)
      }) without a trained token: skipped.`,
    );
  }
  if (s.badRows > 0) {
    notices.push(
      `${
        count(s.badRows, "row")
      } skipped, as they cannot be read (data.on_bad_row); the first: ${s.firstBad}`,
    );
  }
  if (s.refusedRows > 0) {
    notices.push(
      `${count(s.refusedRows, "row")} (${
        percent(s.refusedRows)
      }) skipped, as the tokenizer's character spans could not be verified; the first: ${s.firstRefusal}.`,
    );
  }
  if (s.straddledTokens > 0) {
    notices.push(
      `${count(s.straddledTokens, "token")} in ${
        count(s.straddledRows, "row")
      } straddle trained and untrained text: boundary_token ${options.boundary_token}.`,
    );
  }
  return notices;
}
