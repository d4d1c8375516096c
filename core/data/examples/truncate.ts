/**
 * What happens to examples that are too long. It comes after masking, so that it sees what is lost.
 * An end marker is never trained on a text whose beginning is cut away, and is gone where the end is.
 * @module
 */
import type { GroupExample, ParsedExample } from "../../contracts/format.ts";
import type { WeightedText } from "./weighted_text.ts";
import { DataError } from "../../contracts/errors.ts";
import { joinTexts, sharedLength } from "./group_example.ts";
import { documentsOf } from "./token_example.ts";
import { dropOldestExchanges, exchangesToDrop, trimPrompt } from "./shorten.ts";
import { type ExamplePipeline, tokenizeExample } from "./tokenize_example.ts";

/** A stretch of an example's tokens that is trained on. */
export interface Piece {
  /** What it is a stretch of. */
  readonly of: WeightedText;
  /** Tokens `[from, to)` of it. */
  readonly from: number;
  /** One after its last token. */
  readonly to: number;
  /** Whether BOS goes before them, although `from` is not 0. */
  readonly bos: boolean;
  /** Its tokens, BOS included, (T). */
  readonly ids: Int32Array; // (T)
  /** Their weights, (T). */
  readonly weights: Float32Array; // (T)
  /** Tokens of each sequence, where the example has several that belong together. */
  readonly lengths?: readonly number[];
}

/** Whether a piece is trained on: each of its sequences has a trained token. */
export function isTrained({ weights, lengths }: Piece): boolean {
  let at = 0;
  return (lengths ?? [weights.length]).every((length) =>
    weights.subarray(at, at += length).some((weight) => weight > 0)
  );
}

/** Pieces that are at most `max_length` long, of each document of the row; none where the example is dropped. */
export function truncate(
  text: WeightedText,
  pipeline: ExamplePipeline,
): Piece[] {
  if ("sequences" in text.example) {
    return shortenGroup(text, text.example, pipeline);
  }
  const documents = "ids" in text.example ? documentsOf(text.example) : null;
  if (documents === null) return shorten(text, pipeline);
  return documents.flatMap((document) =>
    shorten(tokenizeExample(document, pipeline), pipeline)
  );
}

/** Whether something of a row is not in its pieces as one. */
export function isCut(text: WeightedText, pieces: readonly Piece[]): boolean {
  const documents = "ids" in text.example
    ? text.example.lengths?.length ?? 1
    : 1;
  return pieces.length !== documents ||
    pieces.some(({ of, from, to }) =>
      from !== 0 || to !== of.encoding.ids.length ||
      (documents === 1 && of !== text)
    );
}

function shorten(text: WeightedText, pipeline: ExamplePipeline): Piece[] {
  const { max_length, truncation } = pipeline.options;
  const T = text.encoding.ids.length;
  if (T <= max_length) return [whole(text)];
  switch (truncation) {
    case "drop":
      return [];
    case "error":
      throw new DataError(
        `the example has ${T} tokens, more than max_length ${max_length}; raise max_length or choose a truncation`,
      );
    case "keep-start":
      return [keepStart(text, pipeline)];
    case "keep-end":
      return [keepEnd(text, pipeline)];
    case "split":
      return split(text, pipeline);
    case "drop-oldest-turns":
      return [fitted(dropTurns(text, pipeline), pipeline)];
    case "trim-prompt":
      return [fitted(trim(text, pipeline), pipeline)];
  }
}

/** All sequences of a group, the long ones made shorter until they fit together; none where it is dropped. */
function shortenGroup(
  text: WeightedText,
  example: GroupExample,
  pipeline: ExamplePipeline,
): Piece[] {
  const { max_length, truncation } = pipeline.options;
  const { lengths = [] } = text;
  if (
    text.encoding.ids.length <= max_length || truncation === "drop" ||
    truncation === "error"
  ) return shorten(text, pipeline);
  const own: ExamplePipeline = {
    ...pipeline,
    options: {
      ...pipeline.options,
      max_length: sharedLength(lengths, max_length),
      // pieces of one sequence could not be compared with those of another
      truncation: truncation === "split" ? "keep-start" : truncation,
    },
  };
  const texts = example.sequences.map((sequence) => {
    const [piece] = shorten(tokenizeExample(sequence, own), own);
    return textOf(piece);
  });
  return [whole(joinTexts(example, texts))];
}

/** A piece as a text of its own: its tokens only, of the whole text. */
function textOf({ of, from, to, bos, ids, weights }: Piece): WeightedText {
  const { starts, ends } = of.encoding;
  const cut = (places: Int32Array) =>
    Int32Array.from([
      ...(bos ? [starts[from]] : []), // an empty span: the tokenizer put it there
      ...places.subarray(from, to),
    ]);
  return {
    ...of,
    encoding: { ids, starts: cut(starts), ends: cut(ends) },
    weights,
  };
}

function whole(text: WeightedText): Piece {
  const { ids } = text.encoding;
  return {
    of: text,
    from: 0,
    to: ids.length,
    bos: false,
    ids,
    weights: text.weights,
    ...(text.lengths === undefined ? {} : { lengths: text.lengths }),
  };
}

function fitted(text: WeightedText, pipeline: ExamplePipeline): Piece {
  return text.encoding.ids.length <= pipeline.options.max_length
    ? whole(text)
    : keepStart(text, pipeline);
}

function keepStart(text: WeightedText, { options }: ExamplePipeline): Piece {
  return piece(text, {
    from: 0,
    to: characterBorder(text, options.max_length, -1),
  });
}

function keepEnd(text: WeightedText, { options }: ExamplePipeline): Piece {
  const T = text.encoding.ids.length;
  const room = options.max_length - (text.addedBos ? 1 : 0);
  const from = characterBorder(text, T - room, 1);
  return piece(text, {
    from,
    to: T,
    bos: text.addedBos,
    dropEnds: true,
    firstIsTarget: options.train_first_token,
  });
}

/** Pieces one after the other; of plain text the last one still ends, of turns only those that are whole. */
function split(text: WeightedText, { options }: ExamplePipeline): Piece[] {
  const T = text.encoding.ids.length;
  const pieces: Piece[] = [];
  for (let from = 0; from < T;) {
    const bos = from > 0 && text.addedBos;
    const most = from + options.max_length - (bos ? 1 : 0);
    const border = most >= T ? T : characterBorder(text, most, -1);
    const to = border > from ? border : most; // one character longer than max_length
    pieces.push(
      piece(text, {
        from,
        to,
        bos,
        dropEnds: true,
        firstIsTarget: options.train_first_token,
      }),
    );
    from = to;
  }
  return pieces;
}

/** Drops the oldest exchanges until the rest fits, or only the last is left. */
function dropTurns(
  text: WeightedText,
  pipeline: ExamplePipeline,
): WeightedText {
  let current = text;
  for (let dropped = 0;;) {
    const excess = current.encoding.ids.length - pipeline.options.max_length;
    if (excess <= 0 || !("messages" in current.example)) return current;
    const count = exchangesToDrop(current, excess, 1);
    const shorter = count === 0
      ? null
      : dropOldestExchanges(current.example, count);
    if (shorter === null) return current;
    dropped += count;
    current = tokenizeExample(shorter, pipeline);
  }
}

/** Takes from the prompt what is too much. Tokens do not add up exactly, so a few rounds may be needed. */
function trim(text: WeightedText, pipeline: ExamplePipeline): WeightedText {
  let current = text;
  for (let round = 0; round < 8; round++) {
    const excess = current.encoding.ids.length - pipeline.options.max_length;
    if (excess <= 0) return current;
    const shorter: ParsedExample | null = trimPrompt(current, excess);
    if (shorter === null) return current;
    current = tokenizeExample(shorter, pipeline);
  }
  return current;
}

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly bos?: boolean;
  /** Whether the end of a turn that lost its beginning is no target. */
  readonly dropEnds?: boolean;
  readonly firstIsTarget?: boolean;
}

function piece(
  text: WeightedText,
  { from, to, bos = false, dropEnds = false, firstIsTarget = false }: Cut,
): Piece {
  const { encoding } = text;
  const lead = bos ? 1 : 0;
  const ids = new Int32Array(lead + to - from); // (T)
  const weights = new Float32Array(lead + to - from); // (T)
  if (bos) ids[0] = encoding.ids[0];
  ids.set(encoding.ids.subarray(from, to), lead);
  weights.set(text.weights.subarray(from, to), lead);
  if (from > 0 && dropEnds) clearCutEnds(text, { from, to, weights, lead });
  if (from > 0 && !bos && !firstIsTarget) weights[0] = 0; // nothing precedes it
  return { of: text, from, to, bos, ids, weights };
}

/** Weight 0 for the end marker of every turn whose content starts before the cut. */
function clearCutEnds(
  { spans, encoding }: WeightedText,
  { from, to, weights, lead }: {
    from: number;
    to: number;
    weights: Float32Array;
    lead: number;
  },
): void {
  const cut = encoding.starts[from];
  const lost = new Set<number>();
  for (const span of spans) {
    // the end of a document is an end, however much of it is in earlier pieces
    if (span.kind === "content" && span.role !== "text" && span.start < cut) {
      lost.add(span.message);
    }
  }
  for (const span of spans) {
    if (span.kind !== "end" || !lost.has(span.message) || span.end <= cut) {
      continue;
    }
    for (let t = from; t < to; t++) {
      if (encoding.ends[t] > span.start && encoding.starts[t] < span.end) {
        weights[lead + t - from] = 0;
      }
    }
  }
}

/** The border between tokens at `t`, moved by `direction` until it does not cut a character in two. */
function characterBorder(
  { encoding }: WeightedText,
  t: number,
  direction: 1 | -1,
): number {
  const { starts, ends } = encoding;
  let border = t;
  while (
    border > 0 && border < starts.length && ends[border] > starts[border] &&
    starts[border] === starts[border - 1] && ends[border] === ends[border - 1]
  ) border += direction;
  return border;
}
