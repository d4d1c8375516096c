/**
 * What is trained in an example, token by token: the data behind `inspect`, and the sample that
 * errors show.
 * @module
 */
import type { Batch } from "../contracts/collator.ts";
import type { TextSpan } from "../contracts/template.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { firstEndingAfter } from "./examples/token_weights.ts";
import { textsOf } from "./examples/token_example.ts";
import { sequencesOf } from "./examples/group_example.ts";
import type { Piece } from "./examples/truncate.ts";

/** One token. */
export interface InspectedToken {
  /** Its id. */
  readonly id: number;
  /**
   * Its characters. Tokens within one character show the character on the first of them and "" on
   * the others; a token that the tokenizer put in shows its own string.
   */
  readonly text: string;
  /** Weight as a target; 0 = context. */
  readonly weight: number;
  /** The role that wrote it; null for the template's own tags and for tokens that the tokenizer added. */
  readonly role: TextSpan["role"] | null;
  /** Whether it is of what was said, or of the marker that ends a turn. */
  readonly kind: TextSpan["kind"] | null;
  /** 0 for padding, else 1, 2, ... within the row. */
  readonly segment: number;
  /** Its position within the segment. */
  readonly position: number;
}

/** The tokens of an example. */
export function inspectExample(
  piece: Piece,
  tokenizer: Tokenizer,
): InspectedToken[] {
  const { of: { text, spans, encoding, example }, from, bos, ids, weights } =
    piece;
  const lead = bos ? 1 : 0;
  const isTokens = sequencesOf(example).some((own) => "ids" in own);
  const texts = isTokens ? textsOf(ids, tokenizer) : null;
  const places = (piece.lengths ?? [ids.length]).flatMap((length, s) =>
    Array.from({ length }, (_, position) => ({ segment: s + 1, position }))
  );
  return Array.from(ids, (id, i): InspectedToken => {
    const t = i - lead + from;
    const given = { id, weight: weights[i], ...places[i] };
    const start = i < lead ? 0 : encoding.starts[t];
    const end = i < lead ? 0 : encoding.ends[t];
    if (end <= start) {
      return {
        ...given,
        text: tokenizer.tokenOf(id) ?? "",
        role: null,
        kind: null,
      };
    }
    const shared = i > lead && encoding.starts[t - 1] === start &&
      encoding.ends[t - 1] === end;
    const span = spans[firstEndingAfter(spans, start)];
    const within = span !== undefined && span.start < end;
    return {
      ...given,
      text: texts?.[i] ?? (shared ? "" : text.slice(start, end)),
      role: within ? span.role : null,
      kind: within ? span.kind : null,
    };
  });
}

/** The tokens of a batch, row by row, padding included. Roles are not known any more. */
export function inspectBatch(
  batch: Batch,
  tokenizer: Tokenizer,
): InspectedToken[][] {
  return Array.from(
    { length: batch.B },
    (_, row) => inspectRow(batch, { row, length: batch.T }, tokenizer),
  );
}

/** The first tokens of one row of a batch. */
export function inspectRow(
  batch: Batch,
  { row, length }: { readonly row: number; readonly length: number },
  tokenizer: Tokenizer,
): InspectedToken[] {
  return Array.from({ length }, (_, t): InspectedToken => {
    const at = row * batch.T + t;
    const id = batch.tokens[at];
    return {
      id,
      text: tokenizer.decode([id]),
      weight: batch.weights[at],
      role: null,
      kind: null,
      segment: batch.segments[at],
      position: batch.positions[at],
    };
  });
}

/** The tokens of a row with text and roles of its examples, where the collator kept these in order. */
export function withRoles(
  tokens: readonly InspectedToken[],
  examples: readonly (readonly InspectedToken[])[],
): InspectedToken[] {
  return tokens.map((token) => {
    const known = examples[token.segment - 1]?.[token.position];
    return known === undefined || known.id !== token.id
      ? token
      : { ...token, text: known.text, role: known.role, kind: known.kind };
  });
}

/** How tokens are shown. */
export interface ViewOptions {
  /** Colours for a terminal; without them trained text is in «these marks». */
  readonly color: boolean;
  /** At most so many tokens; what is left out is counted. Default: all. */
  readonly limit?: number;
}

const RESET = "\x1b[0m";

/** The text as one piece, trained text marked. */
export function renderText(
  tokens: readonly InspectedToken[],
  { color, limit = Infinity }: ViewOptions,
): string {
  let out = "";
  let state = "";
  const shown = tokens.slice(0, limit);
  for (const token of shown) {
    const next = token.weight > 0
      ? (token.weight === 1 ? "trained" : "weighted")
      : "context";
    if (next !== state) out += close(state, color) + open(next, color);
    state = next;
    out += printable(token.text, true);
  }
  out += close(state, color);
  const left = tokens.length - shown.length;
  return left > 0 ? `${out} ... (${left} more tokens)` : out;
}

/** A table: one line a token, with id, weight, role, segment and position. */
export function renderTable(
  tokens: readonly InspectedToken[],
  { color, limit = Infinity }: ViewOptions,
): string {
  const shown = tokens.slice(0, limit);
  const rows = shown.map((token) => [
    String(token.position),
    String(token.segment),
    String(token.id),
    String(Number(token.weight.toPrecision(4))),
    token.role === null
      ? "-"
      : token.kind === "end"
      ? `${token.role} end`
      : token.role,
    printable(token.text, false),
  ]);
  const head = ["position", "segment", "id", "weight", "role", "text"];
  const widths = head.map((name, c) =>
    rows.reduce((w, row) => Math.max(w, row[c].length), name.length)
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, c) =>
      c < 4 ? cell.padStart(widths[c]) : c === 4 ? cell.padEnd(widths[c]) : cell
    ).join("  ");
  const lines = rows.map((row, i) =>
    shown[i].weight > 0 && color ? `\x1b[32m${line(row)}${RESET}` : line(row)
  );
  const left = tokens.length - shown.length;
  return [
    line(head),
    ...lines,
    ...(left > 0 ? [`... ${left} more tokens`] : []),
  ].join("\n");
}

function open(state: string, color: boolean): string {
  if (!color) return state === "context" ? "" : "«";
  return state === "trained"
    ? "\x1b[30;42m"
    : state === "weighted"
    ? "\x1b[30;43m"
    : "\x1b[2m";
}

function close(state: string, color: boolean): string {
  if (state === "") return "";
  if (color) return RESET;
  return state === "context" ? "" : "»";
}

/** Control characters as symbols, so that data cannot steer the terminal. */
function printable(text: string, keepNewlines: boolean): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (c) => {
    if (c === "\n") return keepNewlines ? "↵\n" : "↵";
    if (c === "\t") return "⇥";
    const code = c.codePointAt(0) ?? 0;
    return code < 32
      ? String.fromCodePoint(0x2400 + code)
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
