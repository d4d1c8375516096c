/**
 * Rows on their way to examples: one by one, or many at once where a part runs in another process. Then each row is
 * built as far as the first answer that it lacks, the calls of all rows are made together, and each row is built
 * again with what is known: parts are called once for each row, in the same order as one by one.
 *
 * ```text
 * row 0   parse ─► render ─► encode ─► weights?          weights of the rows 0 to 2 are asked for together
 * row 1   parse ─► render ─► encode ─► weights?          ──►
 * row 2   parse ─► render ─► encode ─► weights?
 * row 0   (known)  (known)   (known)   (answer) ─► weights of tokens, truncation
 * ```
 * @module
 */
import { type Check, CHECKED_PARTS } from "../../config/parts/checked_parts.ts";
import { guardPart } from "../../config/parts/guard_part.ts";
import { PART_SHAPES } from "../../config/parts/part_shapes.ts";
import {
  type BatchedCalls,
  batchedCalls,
} from "../../config/isolated/part_members.ts";
import { type Outcome, valueOf } from "../../config/isolated/messages.ts";
import type { Format } from "../../contracts/format.ts";
import type { KindMap } from "../../contracts/plugin.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import type { RawRecord } from "../../contracts/source.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import {
  buildExamples,
  type Built,
  NOT_YET,
  parseRecord,
} from "../examples/build_examples.ts";
import { isOnSide } from "../content_hash.ts";
import type { DataOptions, DataSource } from "../types.ts";

/** What rows of a source are made into examples with. */
export interface RowPipeline {
  /** Index of the source, and the number of all. */
  readonly source: number;
  readonly sources: number;
  readonly format: Format;
  readonly template: Template;
  readonly masker: Masker;
  readonly tokenizer: Tokenizer;
  readonly options: DataOptions;
  readonly side: NonNullable<DataSource["side"]>;
}

/** A row to be built. */
export interface RowToBuild {
  /** What it is built with. */
  readonly pipeline: RowPipeline;
  /** Reads it. Throws what is wrong with it. */
  read(): RawRecord;
}

/** Gives what a row was built into, null for one of the other side of `eval_fraction`. Throws what is wrong with it. */
export type BuildRow = () => Built | null;

/** Rows that are built at once where a part runs in another process. */
export const BATCH_ROWS = 128;

/** Whether rows are built many at once: a part of theirs runs in another process. */
export function isBatched({ format, template, masker }: RowPipeline): boolean {
  return [format, template, masker].some((part) => batchedCalls(part) !== null);
}

/** How each row is built; many at once where that pays. Nothing is done for a row that nobody builds. */
export function rowBuilders(rows: readonly RowToBuild[]): BuildRow[] {
  if (!rows.some(({ pipeline }) => isBatched(pipeline))) {
    return rows.map(({ pipeline, read }) => () => build(read(), pipeline));
  }
  let built: BuildRow[] | null = null;
  return rows.map((_, i) => () => (built ??= new RowBatch().build(rows))[i]());
}

function build(raw: RawRecord, pipeline: RowPipeline): Built | null {
  const { format, options, side } = pipeline;
  const example = parseRecord(raw, format);
  return isOnSide(example, side, options)
    ? buildExamples(example, raw, pipeline)
    : null;
}

/** A call of a part in another process. */
interface RemoteCall {
  readonly calls: BatchedCalls;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What the parts gave for one row so far, in the order in which they were called. */
class RowCalls {
  readonly #known: (Outcome | { readonly thrown: unknown })[] = [];
  #at = 0;
  /** The call that the row waits for. */
  waiting: RemoteCall | null = null;

  /** The row is built from the start. */
  begin(): void {
    this.#at = 0;
  }

  /** A call of a part of this thread: made once. */
  own<T>(body: () => T): T {
    if (this.#at === this.#known.length) {
      try {
        this.#known.push({ value: body() });
      } catch (error) {
        this.#known.push({ thrown: error });
      }
    }
    return this.#next() as T;
  }

  /** A call of a part of another process: how its answer is had, or the end of this attempt. */
  remote(call: RemoteCall): () => unknown {
    if (this.#at < this.#known.length) {
      const known = this.#known[this.#at++];
      return () => ("thrown" in known ? undefined : valueOf(known));
    }
    this.waiting = call;
    throw NOT_YET;
  }

  #next(): unknown {
    const known = this.#known[this.#at++];
    if ("thrown" in known) throw known.thrown;
    return valueOf(known);
  }

  /** The answer that was waited for. */
  answer(outcome: Outcome): void {
    this.waiting = null;
    this.#known.push(outcome);
  }
}

/** A row of a batch. */
interface BatchRow {
  readonly raw: RawRecord;
  readonly pipeline: RowPipeline;
  readonly calls: RowCalls;
  readonly index: number;
}

class RowBatch {
  #now = new RowCalls();

  /** Builds all rows; those behind one whose call ended a process may have no answer. */
  build(rows: readonly RowToBuild[]): BuildRow[] {
    const done: BuildRow[] = rows.map(() => () => {
      throw new Error("A row behind one that failed was not built");
    });
    const pipelines = new Map<RowPipeline, RowPipeline>();
    let open: BatchRow[] = [];
    for (const [index, { read, pipeline }] of rows.entries()) {
      try {
        const known = pipelines.get(pipeline) ?? this.#replaying(pipeline);
        pipelines.set(pipeline, known);
        const calls = new RowCalls();
        open.push({ raw: read(), pipeline: known, calls, index });
      } catch (error) {
        done[index] = () => {
          throw error;
        };
      }
    }
    while (open.length > 0) {
      for (const row of open) {
        const result = this.#attempt(row);
        if (result !== null) done[row.index] = result;
      }
      open = answerAll(open.filter(({ calls }) => calls.waiting !== null));
    }
    return done;
  }

  /** What the row is built into, or what is wrong with it; null where it waits for an answer. */
  #attempt({ raw, pipeline, calls }: BatchRow): BuildRow | null {
    this.#now = calls;
    calls.begin();
    try {
      const built = build(raw, pipeline);
      return () => built;
    } catch (error) {
      if (error === NOT_YET) return null;
      return () => {
        throw error;
      };
    }
  }

  /** The same parts; each call is made once for a row. */
  #replaying(pipeline: RowPipeline): RowPipeline {
    return {
      ...pipeline,
      format: this.#format(pipeline.format),
      template: this.#template(pipeline.template),
      masker: this.#masker(pipeline.masker),
      tokenizer: this.#tokenizer(pipeline.tokenizer),
    };
  }

  #format(format: Format): Format {
    const remote = this.#remote("format", format);
    const { template } = format;
    return {
      template,
      recognises: (value) => format.recognises(value),
      parse: (record) =>
        remote === null
          ? this.#now.own(() => format.parse(record))
          : remote("parse", [record], (made) => made.parse(record)),
    };
  }

  #template(template: Template): Template {
    const remote = this.#remote("template", template);
    const { stops, jinja, markers, addMissing } = template;
    return {
      stops,
      jinja,
      markers,
      addMissing,
      prompt: (request) => template.prompt(request),
      render: (example) =>
        remote === null
          ? this.#now.own(() => template.render(example))
          : remote("render", [example], (made) => made.render(example)),
    };
  }

  #masker(masker: Masker): Masker {
    const remote = this.#remote("masker", masker);
    const { tokenWeights } = masker;
    return {
      weights: (tokenized) =>
        remote === null
          ? this.#now.own(() => masker.weights(tokenized))
          : remote("weights", [tokenized], (made) => made.weights(tokenized)),
      ...(tokenWeights === undefined ? {} : {
        tokenWeights: (tokenized: Tokenized, weights: Float32Array) =>
          remote === null
            ? this.#now.own(() => tokenWeights.call(masker, tokenized, weights))
            : remote(
              "tokenWeights",
              [tokenized, weights],
              (made) => made.tokenWeights?.(tokenized, weights) ?? weights,
            ),
      }),
    };
  }

  /** How methods of a part in another process are called, their answers checked; null for one of this thread. */
  #remote<K extends "format" | "template" | "masker">(
    kind: K,
    part: KindMap[K],
  ) {
    const calls = batchedCalls(part);
    if (calls === null) return null;
    const { described } = calls;
    // gives the answer that has come, in the place of a call
    let answer: () => unknown = () => undefined;
    const answering = Object.fromEntries(
      Object.keys(PART_SHAPES[kind]).map((name) => {
        const member: unknown = Reflect.get(part, name);
        return [name, typeof member === "function" ? () => answer() : member];
      }),
    ) as unknown as KindMap[K];
    const check: Check<K> = CHECKED_PARTS[kind];
    const guarded = guardPart(answering, PART_SHAPES[kind], { described });
    const checked = check(guarded, { described, isBuiltIn: false });
    return <R>(
      method: string,
      args: readonly unknown[],
      take: (made: KindMap[K]) => R,
    ): R => {
      answer = this.#now.remote({ calls, method, args });
      return take(checked);
    };
  }

  #tokenizer(tokenizer: Tokenizer): Tokenizer {
    const encode: Tokenizer["encode"] = (text, options) =>
      this.#now.own(() => tokenizer.encode(text, options));
    return new Proxy(tokenizer, {
      get: (target, key) => {
        if (key === "encode") return encode;
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

/** Makes the calls that rows wait for, those of one method together; gives the rows that have their answer. */
function answerAll(rows: readonly BatchRow[]): BatchRow[] {
  const groups = new Map<BatchedCalls, Map<string, BatchRow[]>>();
  for (const row of rows) {
    const { waiting } = row.calls;
    if (waiting === null) continue;
    const methods = groups.get(waiting.calls) ?? new Map<string, BatchRow[]>();
    groups.set(waiting.calls, methods);
    const group = methods.get(waiting.method) ?? [];
    methods.set(waiting.method, group);
    group.push(row);
  }
  const answered: BatchRow[] = [];
  for (const [calls, methods] of groups) {
    for (const [method, group] of methods) {
      const outcomes = calls.many(
        method,
        group.map((row) => row.calls.waiting?.args ?? []),
      );
      for (const [i, outcome] of outcomes.entries()) {
        group[i].calls.answer(outcome);
        answered.push(group[i]);
      }
    }
  }
  return answered.sort((a, b) => a.index - b.index);
}
