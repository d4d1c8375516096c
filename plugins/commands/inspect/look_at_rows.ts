/**
 * Rows token by token, those that train nothing or are dropped included: what `inspect --find` and its page
 * show.
 * @module
 */
import {
  countTrained,
  DATA_DEFAULTS,
  type DataOptions,
  type DataSource,
  describeWhere,
  type InspectedToken,
  inspectExample,
  isCut,
  type Masker,
  type Piece,
  type Tokenizer,
  tokenWeights,
  type WeightedText,
} from "@denotune/denotune/core";
import { buildRow, type ReadRow, readRows } from "../analyze/read_rows.ts";
import { shownPath } from "../analyze/row_texts.ts";

/** What can be looked for. */
export const FINDABLE = [
  "zero-loss",
  "truncated",
  "straddle",
  "longest",
] as const;

/** What can be looked for. */
export type Findable = typeof FINDABLE[number];

/** What is remarkable about an example. */
export type RowFlag = "zero-loss" | "truncated" | "dropped" | "straddle";

/** One example as the model sees it. */
export interface LookedAt {
  /** File and line of its row: `data.jsonl:37`. */
  readonly where: string;
  readonly source: number;
  readonly record: number;
  readonly flags: readonly RowFlag[];
  /** What became of it, in words; null where nothing did. */
  readonly note: string | null;
  /** The row as read from its file. */
  readonly raw: unknown;
  /** Tokens of the whole row, before truncation. */
  readonly uncut: number;
  readonly tokens: readonly InspectedToken[];
  /** Indices of tokens over trained and untrained text. */
  readonly straddling: readonly number[];
}

/** What is looked at. */
export interface LookRequest {
  readonly train: readonly DataSource[];
  readonly tokenizer: Tokenizer;
  readonly options?: Partial<DataOptions>;
  /** Index of the only source that is looked at. */
  readonly source?: number;
  /** Index of the only row of it that is looked at. */
  readonly record?: number;
  /** Absolute folder that paths are shown from. */
  readonly base?: string;
  /** Receives what is wrong with rows that cannot be read. */
  readonly onProblem?: (problem: string) => void;
}

/** Every training example, in the order of the sources; the pieces of a split row one after the other. */
export function* lookAtRows(request: LookRequest): Generator<LookedAt> {
  for (const row of readable(request)) yield* lookAtRow(row, request);
}

/** The first examples of which that holds; for `longest` the longest of all, longest first. */
export function findRows(
  kind: Findable,
  { count, ...request }: LookRequest & { readonly count: number },
): LookedAt[] {
  if (kind === "longest") return longestRows(request, count);
  const found: LookedAt[] = [];
  if (count === 0) return found;
  for (const looked of lookAtRows(request)) {
    if (!looked.flags.includes(kind)) continue;
    found.push(looked);
    if (found.length === count) break;
  }
  return found;
}

/** One pass for the lengths, then the rows again: tokens of all rows need not be held. */
function longestRows(request: LookRequest, count: number): LookedAt[] {
  const most: { row: ReadRow; length: number }[] = [];
  for (const row of readable(request)) {
    const made = buildRow(row, pipelineOf(row, request));
    if (made.problem !== null || made.built.refused !== null) continue;
    const length = made.built.text.encoding.ids.length;
    let at = most.length;
    while (at > 0 && most[at - 1].length < length) at--;
    if (at < count) most.splice(at, 0, { row, length });
    most.length = Math.min(most.length, count);
  }
  return most.flatMap(({ row }) => [...lookAtRow(row, request)]);
}

function* readable(request: LookRequest): Generator<ReadRow> {
  const options = optionsOf(request);
  for (const row of readRows(request.train, options, request)) {
    if (row.problem === null) yield row;
    else request.onProblem?.(row.problem);
  }
}

function optionsOf(request: LookRequest): DataOptions {
  const options = { ...DATA_DEFAULTS, ...request.options };
  return options.truncation === "error"
    ? { ...options, truncation: "drop" }
    : options;
}

function pipelineOf({ source }: ReadRow, request: LookRequest) {
  const { template, masker } = request.train[source];
  return {
    tokenizer: request.tokenizer,
    template,
    masker,
    options: optionsOf(request),
  };
}

function* lookAtRow(row: ReadRow, request: LookRequest): Generator<LookedAt> {
  const pipeline = pipelineOf(row, request);
  const made = buildRow(row, pipeline);
  const problem = made.problem ?? made.built.refused;
  if (
    problem !== null || made.problem !== null || made.built.refused !== null
  ) {
    if (problem !== null) request.onProblem?.(problem);
    return;
  }
  const { text, pieces } = made.built;
  const place = {
    where: describeWhere({
      ...row.raw.where,
      path: shownPath(row.raw.where.path, request.base ?? null),
    }),
    source: row.source,
    record: row.record,
    raw: row.raw.value,
    uncut: text.encoding.ids.length,
  };
  const isDropped = pieces.length === 0;
  const shown = isDropped ? [wholeOf(text)] : pieces;
  const trained = pieces.reduce((n, p) => n + countTrained(p.weights), 0);
  const kept = pieces.reduce((n, p) => n + p.ids.length, 0);
  for (const [i, piece] of shown.entries()) {
    const straddling = straddlingOf(piece, pipeline.masker);
    const flags: RowFlag[] = [];
    if (!isDropped && countTrained(piece.weights) === 0) {
      flags.push("zero-loss");
    }
    if (isCut(text, pieces)) flags.push("truncated");
    if (isDropped) flags.push("dropped");
    if (text.straddled > 0) flags.push("straddle");
    const notes = [
      ...(shown.length > 1 ? [`piece ${i + 1} of ${shown.length}`] : []),
      ...(isDropped
        ? [`${place.uncut} tokens, dropped: shown whole`]
        : isCut(text, pieces) && shown.length === 1
        ? [`${place.uncut} tokens before truncation, ${kept} after`]
        : []),
      ...(!isDropped && trained === 0 && countTrained(text.weights) > 0
        ? ["all that is trained was cut away"]
        : []),
      ...(text.straddled > 0
        ? [
          straddling.length > 0
            ? `${straddling.length} tokens over trained and untrained text`
            : `${text.straddled} tokens were over trained and untrained text, and were split`,
        ]
        : []),
    ];
    yield {
      ...place,
      flags,
      note: notes.length === 0 ? null : notes.join("; "),
      tokens: inspectExample(piece, pipeline.tokenizer),
      straddling,
    };
  }
}

/** A row as it would be, were it not dropped. */
function wholeOf(text: WeightedText): Piece {
  const { ids } = text.encoding;
  return {
    of: text,
    from: 0,
    to: ids.length,
    bos: false,
    ids,
    weights: text.weights,
  };
}

function straddlingOf(
  { of, from, to, bos }: Piece,
  masker: Masker,
): number[] {
  const spans = of.spans;
  const weights = masker.weights(of).map((weight, k) =>
    weight * spans[k].weight
  );
  const lead = bos ? 1 : 0;
  return tokenWeights(of.encoding, { spans, weights }, "mask").straddling
    .filter((t) => t >= from && t < to)
    .map((t) => t - from + lead);
}
