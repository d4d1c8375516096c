/**
 * Texts of rows, read again: nothing is held.
 * @module
 */
import {
  type DataSource,
  describeWhere,
  isKeptInput,
  parseRecord,
  STANDARD_INPUT_NAME,
  type Tokenizer,
} from "@denotune/denotune/core";
import { isAbsolute, relative } from "node:path";
import type { RowList, TurnOfRow } from "./count/counts.ts";
import { type Turns, turnsOf } from "./count/turns.ts";

/** Characters of an excerpt. */
const EXCERPT = 200;
/** Characters of a question where the answer matters. */
const SHORT = 32;

/** Reads the rows of a list again. */
export class RowTexts {
  readonly #sources: readonly DataSource[];
  readonly #rows: RowList;
  readonly #base: string | null;
  readonly #tokenizer: Tokenizer;

  /** Over the sources that the list was made from; paths are shown from `base`. */
  constructor(
    sources: readonly DataSource[],
    { rows, tokenizer, base }: {
      rows: RowList;
      tokenizer: Tokenizer;
      base: string | null;
    },
  ) {
    this.#sources = sources;
    this.#rows = rows;
    this.#base = base;
    this.#tokenizer = tokenizer;
  }

  /** What near duplicates are found by. */
  body(row: number): string {
    return this.#turns(row).turns.body;
  }

  /** Where a row is, for people. */
  where(row: number): string {
    return this.#turns(row).where;
  }

  /**
   * Where a row is, and how it begins, on one line; with `turn` the question or the answer that is meant, and more
   * of that answer.
   */
  show(row: number, turn: TurnOfRow = {}): { where: string; text: string } {
    const { where, turns } = this.#turns(row);
    const { instructions, responses } = turns;
    const answer = "response" in turn
      ? responses[turn.response]
      : "instruction" in turn
      ? responses.find(({ answers }) => answers === turn.instruction)
      : responses[0];
    const question = "instruction" in turn
      ? turn.instruction
      : answer?.answers ?? 0;
    const asked = oneLine(instructions[question] ?? "");
    const answered = oneLine(answer?.text ?? "");
    const room = "response" in turn ? SHORT : EXCERPT / 2;
    const text = instructions.length === 0
      ? answered
      : `${cut(asked, room)} → ${answered}`;
    return { where, text: cut(text, EXCERPT) };
  }

  #turns(row: number): { where: string; turns: Turns } {
    const { source, record } = this.#rows.at(row);
    const { store, format } = this.#sources[source];
    const raw = store.at(record);
    return {
      where: describeWhere({
        ...raw.where,
        path: shownPath(raw.where.path, this.#base),
      }),
      turns: turnsOf(parseRecord(raw, format), this.#tokenizer),
    };
  }
}

/** A path as people know it: from `base`, where it is not far from there. */
export function shownPath(path: string, base: string | null): string {
  if (isKeptInput(path)) return STANDARD_INPUT_NAME;
  if (base === null || !isAbsolute(path)) return path;
  const inner = relative(base, path);
  return inner === "" || inner.length >= path.length ||
      /^(\.\.[\\/]){3}/.test(inner)
    ? path
    : inner;
}

/** The beginning of a text with blanks collapsed. */
function oneLine(text: string): string {
  const line = text.slice(0, 2 * EXCERPT).replace(/\s+/g, " ").trim();
  return line === "" ? "(empty)" : line;
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = text.slice(0, length - 1);
  return `${head.replace(/[\ud800-\udbff]$/, "")}…`;
}
