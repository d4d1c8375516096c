/**
 * Texts of rows, read again: nothing is held.
 * @module
 */
import { parseRecord } from "../data/build_examples.ts";
import type { DataSource } from "../data/types.ts";
import { describeWhere } from "../data/where.ts";
import type { RowList } from "./counts.ts";
import { type Turns, turnsOf } from "./turns.ts";

/** Characters of an excerpt. */
const EXCERPT = 200;

/** Reads the rows of a list again. */
export class RowTexts {
  readonly #sources: readonly DataSource[];
  readonly #rows: RowList;

  /** Over the sources that the list was made from. */
  constructor(sources: readonly DataSource[], rows: RowList) {
    this.#sources = sources;
    this.#rows = rows;
  }

  /** What near duplicates are found by. */
  body(row: number): string {
    return this.#turns(row).turns.body;
  }

  /** Where a row stands, for people. */
  where(row: number): string {
    return this.#turns(row).where;
  }

  /** Where it stands, and how it begins, on one line. */
  show(row: number): { where: string; text: string } {
    const { where, turns } = this.#turns(row);
    const { instructions, responses } = turns;
    const asked = oneLine(instructions[0] ?? "");
    const answered = oneLine(responses[0]?.text ?? "");
    const text = instructions.length === 0
      ? answered
      : `${cut(asked, EXCERPT / 2)} → ${answered}`;
    return { where, text: cut(text, EXCERPT) };
  }

  #turns(row: number): { where: string; turns: Turns } {
    const { source, record } = this.#rows.at(row);
    const { store, format } = this.#sources[source];
    const raw = store.at(record);
    return {
      where: describeWhere(raw.where),
      turns: turnsOf(parseRecord(raw, format)),
    };
  }
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
