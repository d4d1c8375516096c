/**
 * Text that knows where each of its characters came from: from the template, or from a field of a
 * message; and in whose turn it was written. It is what strings are while a chat template runs.
 *
 * ```text
 * {% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}<|assistant|>
 *                        ^^^^^^^^                ^^^^^^^              tag: the template's, turn: m
 *                                ^^^^^^^^^^^^^^^                      tag: m's content,    turn: m
 *                                                                ^^^^^^^^^^^^^ the template's, no turn
 * ```
 * @module
 */

import { BudgetError } from "./error.ts";

/** Characters of the longest text that a template may make. */
export const MAX_TEXT = 20_000_000;

/** A text several times. Throws {@linkcode BudgetError} where that would be too long. */
export function repeated(text: string, times: number): string {
  if (text.length * times > MAX_TEXT) throw tooLong();
  return text.repeat(Math.max(0, times));
}

function tooLong(): BudgetError {
  return new BudgetError(
    `it makes a text of more than ${MAX_TEXT} characters`,
  );
}

/** Characters of one origin: from the end of the run before to `end`. May be empty, as a mark. */
export interface Run {
  readonly end: number;
  readonly tag: Tag;
  /** In whose turn it was written. */
  readonly turn: Turn;
}

/** The message that a loop of the template was at, + 1; 0 outside of such loops. */
export type Turn = number;

/** The turn of text that is written outside of all messages. */
export const NO_TURN: Turn = 0;

/** The message of a turn, or null outside of all. */
export function messageOfTurn(turn: Turn): number | null {
  return turn === NO_TURN ? null : turn - 1;
}

/**
 * An origin as a number: bit 0 says whether it was written inside `{% generation %}`, bits 1-2 the
 * field, the rest the message + 1; 0 (or 1) is the template's own text.
 */
export type Tag = number;

/** The tag of text that the template wrote. */
export const LITERAL: Tag = 0;

/** Fields that the trace distinguishes. */
export const FIELDS = [
  "content",
  "reasoning_content",
  "tool_calls",
  "other",
] as const;

/** A field of a message. */
export type Field = typeof FIELDS[number];

/** The tag of a message's field. */
export function tagOf(message: number, field: Field): Tag {
  return ((message + 1) << 3) | (FIELDS.indexOf(field) << 1);
}

/** The message of a tag, or null for the template's own text. */
export function messageOf(tag: Tag): number | null {
  return tag >> 3 === 0 ? null : (tag >> 3) - 1;
}

/** Whether the text was written inside `{% generation %}`. */
export function isGeneration(tag: Tag): boolean {
  return (tag & 1) === 1;
}

/** A string with its origins. */
export class Traced {
  readonly text: string;
  readonly runs: readonly Run[];

  constructor(text: string, runs: readonly Run[]) {
    this.text = text;
    this.runs = runs;
  }

  /** Text of one origin. An empty one is kept as a mark, unless it is the template's own. */
  static of(text: string, tag: Tag = LITERAL, turn: Turn = NO_TURN): Traced {
    return new Traced(
      text,
      text === "" && tag === LITERAL ? [] : [{ end: text.length, tag, turn }],
    );
  }

  /** The same text, written in a turn: what has a turn already keeps it. */
  in(turn: Turn): Traced {
    if (turn === NO_TURN || this.runs.every((run) => run.turn !== NO_TURN)) {
      return this;
    }
    const builder = new TracedBuilder();
    builder.add(this, 0, turn);
    return builder.finish();
  }

  /** Units `[from, to)`. What is cut to nothing leaves its mark. */
  slice(from: number, to: number = this.text.length): Traced {
    if (from <= 0 && to >= this.text.length) return this;
    const runs: Run[] = [];
    const text = this.text.slice(from, to);
    let start = 0;
    for (const { end, tag, turn } of this.runs) {
      const cutStart = Math.max(start, from);
      const cutEnd = Math.min(end, to);
      const inside = start === end
        ? start >= from && start <= to
        : cutEnd > cutStart;
      if (inside) runs.push({ end: cutEnd - from, tag, turn });
      start = end;
    }
    if (text === "" && runs.length === 0) {
      const first = this.runs.find(({ tag }) => messageOf(tag) !== null);
      if (first !== undefined) runs.push({ ...first, end: 0 });
    }
    return new Traced(text, runs);
  }

  /** The text changed as a whole, where a run depends on what is before it. */
  whole(change: (text: string) => string): Traced {
    const text = change(this.text);
    return text.length === this.text.length
      ? new Traced(text, this.runs)
      : this.map(change);
  }

  /** The text changed run by run (letters to capitals, and the like). */
  map(change: (text: string) => string): Traced {
    const builder = new TracedBuilder();
    let start = 0;
    for (const { end, tag, turn } of this.runs) {
      builder.text(change(this.text.slice(start, end)), tag, turn);
      start = end;
    }
    return builder.finish();
  }
}

/** Collects text. */
export class TracedBuilder {
  readonly #parts: string[] = [];
  readonly #runs: Run[] = [];
  #length = 0;

  /** Adds text of one origin. */
  text(text: string, tag: Tag = LITERAL, turn: Turn = NO_TURN): void {
    if (text === "" && tag === LITERAL) return;
    this.#parts.push(text);
    this.#length += text.length;
    this.#run(tag, turn);
  }

  /** Adds text with its origins; `bits` are set in all of its tags, `turn` where it has none. */
  add(value: Traced, bits = 0, turn: Turn = NO_TURN): void {
    this.#parts.push(value.text);
    const base = this.#length;
    for (const run of value.runs) {
      this.#length = base + run.end;
      this.#run(run.tag | bits, run.turn === NO_TURN ? turn : run.turn);
    }
    this.#length = base + value.text.length;
  }

  /** What was collected. */
  finish(): Traced {
    if (this.#length > MAX_TEXT) throw tooLong();
    return new Traced(this.#parts.join(""), this.#runs);
  }

  #run(tag: Tag, turn: Turn): void {
    if (this.#length > MAX_TEXT) throw tooLong();
    const last = this.#runs.at(-1);
    if (last?.tag === tag && last.turn === turn) this.#runs.pop();
    this.#runs.push({ end: this.#length, tag, turn });
  }
}

/** Joins texts with a separator between them. */
export function joinTraced(
  values: readonly Traced[],
  separator: Traced,
): Traced {
  const builder = new TracedBuilder();
  for (const [i, value] of values.entries()) {
    if (i > 0) builder.add(separator);
    builder.add(value);
  }
  return builder.finish();
}
