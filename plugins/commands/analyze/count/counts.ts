/**
 * What rows are counted into: everything that can be known of a row by itself, and hashes and sketches
 * for what can only be known of all of them.
 * @module
 */
import {
  type Built,
  contentText,
  countTrained,
  NumberList,
  type ParsedExample,
  Statistics,
  type Tokenizer,
} from "@denotune/denotune/core";
import { emptinessOf, refusalOf } from "../answers.ts";
import { DistinctCounter } from "./distinct_counter.ts";
import { type Hash64, HashTable, hashText, joinHashes } from "./hash_table.ts";
import { Histogram } from "./histogram.ts";
import { languageOf } from "./language.ts";
import type { FindingName } from "../metrics.ts";
import { Sketches } from "./near_duplicates.ts";
import { Openings } from "./openings.ts";
import type { ReadRow, UnreadRow } from "../read_rows.ts";
import { type Turns, turnsOf, turnTokens, wordsOf } from "./turns.ts";
import type { QualitySettings } from "../types.ts";

/** A row of a side by its index in the order read. */
export class RowList {
  readonly #sources = new NumberList("uint32");
  readonly #records = new NumberList("uint32");

  /** How many rows there are. */
  get length(): number {
    return this.#records.length;
  }

  /** Adds a row and gives its index. */
  push({ source, record }: { source: number; record: number }): number {
    this.#sources.push(source);
    this.#records.push(record);
    return this.#records.length - 1;
  }

  /** The source and record of a row. */
  at(row: number): { source: number; record: number } {
    return { source: this.#sources.at(row), record: this.#records.at(row) };
  }
}

/** The question or the answer of a row that is meant, by its index; neither: the row. */
export type TurnOfRow =
  | { readonly instruction: number }
  | { readonly response: number }
  | Record<never, never>;

/** A row that shows a finding: its index, and what is to be seen there. */
export interface Shown {
  readonly row: number;
  readonly note: string | null;
  readonly turn?: TurnOfRow;
}

/** The rows of a finding that are shown, and how many there are. */
export class Collected {
  readonly shown: Shown[] = [];
  count = 0;
  readonly #most: number;

  /** Keeps the first `most` rows. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a row. */
  add(row: number, note: string | null = null, turn?: TurnOfRow): void {
    this.count++;
    if (
      this.shown.length < this.#most && this.shown.at(-1)?.row !== row
    ) this.shown.push({ row, note, turn });
  }
}

/** Findings of single rows; those of all rows are made at the end. */
const BY_ROW = [
  "double_bos_rows",
  "unlearned_ends",
  "untrained_rows",
  "unverified_rows",
  "empty_responses",
  "empty_instructions",
  "refusals",
  "truncated_rows",
  "dropped_rows",
  "straddled_rows",
] as const satisfies readonly FindingName[];

/** Counts over the training rows. */
export class TrainCounts {
  readonly rows: RowList = new RowList();
  readonly statistics: Statistics;
  /** Tokens of every example that is kept. */
  readonly lengths: NumberList = new NumberList("uint32");
  readonly unread: { problem: string }[] = [];
  unreadCount = 0;
  trainedBefore = 0;
  readonly instructionWords: Histogram = new Histogram();
  readonly responseWords: Histogram = new Histogram();
  readonly instructionTokens: Histogram = new Histogram();
  readonly responseTokens: Histogram = new Histogram();
  readonly exampleTokens: Histogram = new Histogram();
  readonly instructionOpenings: Openings;
  readonly responseOpenings: Openings;
  readonly instructions: HashTable = new HashTable();
  readonly contents: HashTable = new HashTable();
  /** Of all text before the last answer; only where there are evaluation rows. */
  readonly prompts: HashTable = new HashTable();
  /** For each row the first row with the same content. */
  readonly firstOf: NumberList = new NumberList("uint32");
  readonly sketches: Sketches = new Sketches();
  readonly ngrams: readonly DistinctCounter[] = [
    new DistinctCounter(),
    new DistinctCounter(),
    new DistinctCounter(),
  ];
  readonly languages: Map<string, number> = new Map();
  readonly found: Readonly<Record<typeof BY_ROW[number], Collected>>;
  readonly #settings: QualitySettings;
  readonly tokenizer: Tokenizer;
  readonly #withPrompts: boolean;

  /** All counts at 0. */
  constructor(
    { sources, settings, tokenizer, withPrompts }: {
      sources: number;
      settings: QualitySettings;
      tokenizer: Tokenizer;
      withPrompts: boolean;
    },
  ) {
    this.#settings = settings;
    this.tokenizer = tokenizer;
    this.#withPrompts = withPrompts;
    this.statistics = new Statistics(sources);
    const openings = {
      length: settings.opening_length,
      moreThan: settings.opening_repeats,
    };
    this.instructionOpenings = new Openings(openings);
    this.responseOpenings = new Openings(openings);
    const collected = () => new Collected(settings.examples);
    this.found = {
      double_bos_rows: collected(),
      unlearned_ends: collected(),
      untrained_rows: collected(),
      unverified_rows: collected(),
      empty_responses: collected(),
      empty_instructions: collected(),
      refusals: collected(),
      truncated_rows: collected(),
      dropped_rows: collected(),
      straddled_rows: collected(),
    };
  }

  /** Counts a row that cannot be read. */
  addUnread({ problem }: UnreadRow): void {
    this.unreadCount++;
    if (this.unread.length < this.#settings.examples) {
      this.unread.push({ problem });
    }
  }

  /** Counts a row. */
  add({ source, record, example }: ReadRow, built: Built): void {
    const row = this.rows.push({ source, record });
    const turns = turnsOf(example, this.tokenizer);
    this.#addTexts(row, turns);
    const content = contentHash(example);
    this.firstOf.push(this.contents.add(content, row).first);
    this.sketches.push(turns.body);
    if (this.#withPrompts && turns.prompt !== null && turns.prompt !== "") {
      this.prompts.add(hashText(turns.prompt), row);
    }
    const language = languageOf(turns.body);
    this.languages.set(language, (this.languages.get(language) ?? 0) + 1);
    this.#addTokens(row, { source, record }, built);
  }

  #addTexts(row: number, { instructions, responses }: Turns): void {
    for (const [i, instruction] of instructions.entries()) {
      this.instructionWords.add(wordsOf(instruction).length);
      this.instructions.add(hashText(instruction), row);
      this.instructionOpenings.add(instruction, row);
      if (instruction.trim() === "") {
        const note = i === 0 ? null : `question ${i + 1}`;
        this.found.empty_instructions.add(row, note, { instruction: i });
      }
    }
    for (const [i, { text, callsTool }] of responses.entries()) {
      if (callsTool && text.trim() === "") continue; // it says nothing, and is meant to
      const words = wordsOf(text);
      this.responseWords.add(words.length);
      this.responseOpenings.add(text, row);
      this.#addNgrams(words);
      const place = i === 0 ? "" : `answer ${i + 1}: `;
      const emptiness = callsTool ? null : emptinessOf(text);
      if (emptiness !== null) {
        this.found.empty_responses.add(row, place + emptiness, {
          response: i,
        });
      }
      const refusal = refusalOf(text);
      if (refusal !== null) {
        this.found.refusals.add(row, place + refusal, { response: i });
      }
    }
  }

  #addNgrams(words: readonly string[]): void {
    const hashes = words.map(hashText);
    for (let i = 0; i < hashes.length; i++) {
      this.ngrams[0].add(hashes[i]);
      for (const n of [2, 3]) {
        if (i + n > hashes.length) continue;
        this.ngrams[n - 1].add(joinHashes(hashes.slice(i, i + n)));
      }
    }
  }

  #addTokens(
    row: number,
    place: { source: number; record: number },
    built: Built,
  ): void {
    const { statistics: s, found } = this;
    if (built.refused !== null) {
      s.refuse(built.refused, place);
      found.unverified_rows.add(row);
      return;
    }
    const before = { ...s };
    const kept = s.add(built, place, this.tokenizer);
    const { text } = built;
    this.exampleTokens.add(text.encoding.ids.length);
    const tokens = turnTokens(text);
    for (const n of tokens.instructions) this.instructionTokens.add(n);
    for (const n of tokens.responses) this.responseTokens.add(n);
    for (const { ids } of kept) this.lengths.push(ids.length);
    this.trainedBefore += countTrained(text.weights);
    if (s.rowsCut > before.rowsCut) {
      const cut = s.tokensLost - before.tokensLost;
      found.truncated_rows.add(
        row,
        `${text.encoding.ids.length} tokens, ${cut} cut away`,
      );
    }
    if (s.rowsDropped > before.rowsDropped) found.dropped_rows.add(row);
    if (s.untrainedRows > before.untrainedRows) found.untrained_rows.add(row);
    if (s.doubleBosRows > before.doubleBosRows) found.double_bos_rows.add(row);
    if (text.straddled > 0) {
      found.straddled_rows.add(row, `${text.straddled} of its tokens`);
    }
    if (kept.length > 0 && s.rowsWithTrainedEnd === before.rowsWithTrainedEnd) {
      found.unlearned_ends.add(row);
    }
  }
}

/** Counts over the evaluation rows, as far as they are compared with the training rows. */
export class EvalCounts {
  readonly rows: RowList = new RowList();
  readonly sketches: Sketches = new Sketches();
  /** For each row the first training row with its content, counted from 1; 0 where there is none. */
  readonly same: NumberList = new NumberList("uint32");
  /** The same of its prompt, whatever the answer. */
  readonly samePrompt: NumberList = new NumberList("uint32");

  /** Counts a row, after all training rows. */
  add({ source, record, example }: ReadRow, train: TrainCounts): void {
    this.rows.push({ source, record });
    const { body, prompt } = turnsOf(example, train.tokenizer);
    this.sketches.push(body);
    const same = train.contents.get(contentHash(example));
    this.same.push(same === null ? 0 : same.first + 1);
    const known = prompt === null || prompt === ""
      ? null
      : train.prompts.get(hashText(prompt));
    this.samePrompt.push(known === null ? 0 : known.first + 1);
  }
}

/** The hash of what a row says. */
function contentHash(example: ParsedExample): Hash64 {
  return hashText(contentText(example));
}
