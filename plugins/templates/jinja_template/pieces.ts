/**
 * A rendered conversation in pieces: of one message, or of the template, each in one turn.
 * @module
 */
import { messageOf, messageOfTurn, type Traced } from "../jinja/traced.ts";

/** A stretch of one origin, written in one turn. Empty where only its place is known. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  /** The message that it came from; null: the template's own text. */
  readonly message: number | null;
  /** The message in whose turn it was written; null outside of all turns. */
  readonly turn: number | null;
}

/** The pieces of a rendering, in order. Those that touch and are alike are one. */
export function piecesOf(rendered: Traced): Piece[] {
  const written: Piece[] = [];
  const marks: Piece[] = [];
  let start = 0;
  for (const run of rendered.runs) {
    const { end } = run;
    const message = messageOf(run.tag);
    const turn = messageOfTurn(run.turn);
    const last = written.at(-1);
    if (end === start) {
      if (message !== null) marks.push({ start, end, message, turn });
    } else if (
      last !== undefined && last.message === message && last.turn === turn
    ) written[written.length - 1] = { ...last, end };
    else written.push({ start, end, message, turn });
    start = end;
  }
  // a mark counts only for a message that wrote nothing
  const wrote = new Set(written.map(({ message }) => message));
  return [...written, ...marks.filter(({ message }) => !wrote.has(message))]
    .sort((a, b) => a.start - b.start || a.end - b.end);
}
