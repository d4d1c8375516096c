/**
 * What `metrics.jsonl` says of a run, kept in memory and read on as the file grows: figures of steps as columns, other
 * events as they are, but bounded. The file may be of another version, edited, or hostile: nothing in it is trusted.
 * @module
 */
import { join } from "node:path";
import { NumberList } from "../../data/number_list.ts";
import { isObject, type JsonObject } from "../../io/json_file.ts";
import { TailFile } from "./tail_file.ts";

/** File of the events of a run, within its folder. */
export const METRICS_FILE = "metrics.jsonl";

/** Columns of step figures at most: sources and metrics have one each. */
const MOST_COLUMNS = 128;
/** Entries kept of each other kind of event, the latest. */
const MOST_ENTRIES = 2000;
/** Characters kept of a text. */
const MOST_CHARACTERS = 20_000;
/** Larger numbers are no figures of a training. */
const LARGEST = 1e15;

/** Figures of steps that are no curves. */
const NO_CURVES: ReadonlySet<string> = new Set(["event", "step"]);

/** An event other than a step, with long texts cut. */
export interface LogEntry {
  /** How many events other than steps came before it. */
  readonly number: number;
  /** `start`, `epoch`, `eval`, `result`, `sample`, `save`, `notice`, `profile`, `end`. */
  readonly event: string;
  /** Optimizer steps done. */
  readonly step: number;
  /** All that it says. */
  readonly fields: JsonObject;
}

/** A run's events, as far as they have been read. */
export class RunLog {
  readonly #file: TailFile;
  #steps = new NumberList("float64");
  #columns = new Map<string, NumberList>();
  #entries: LogEntry[] = [];
  #counts = new Map<string, number>();
  #count = 0;
  #unreadable = 0;
  #version = 0;
  #best: BestEvaluation | null = null;
  #reading: Promise<boolean> | null = null;

  /** Nothing is read yet. */
  constructor(runFolder: string) {
    this.#file = new TailFile(join(runFolder, METRICS_FILE));
  }

  /** Reads what is new, once for all who ask at the same time; returns whether anything was. */
  async refresh(): Promise<boolean> {
    this.#reading ??= this.#file.read({
      restart: () => this.#restart(),
      line: (text) => this.#line(text),
      tooLong: () => this.#unreadable++,
    }).finally(() => this.#reading = null);
    return await this.#reading;
  }

  /** Changes when the file began anew: figures that were read before are void. */
  get version(): number {
    return this.#version;
  }

  /** Logged steps, in order: optimizer steps done. */
  get steps(): NumberList {
    return this.#steps;
  }

  /** Names of the columns: `loss`, `learning_rate`, ..., `source_losses.<name>`, `metrics.<name>`. */
  get columns(): readonly string[] {
    return [...this.#columns.keys()];
  }

  /** Lines that were no events. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Figures of the steps, NaN where a step does not have one; null for a name that no step has. */
  column(name: string): NumberList | null {
    return this.#columns.get(name) ?? null;
  }

  /** The last figure of a column, NaN where there is none. */
  last(name: string): number {
    const column = this.#columns.get(name);
    return column === undefined || column.length === 0
      ? NaN
      : column.at(column.length - 1);
  }

  /** Events other than steps, in order; of one kind, and from a number on. */
  entries(
    { event, from = 0 }: { readonly event?: string; readonly from?: number } =
      {},
  ): readonly LogEntry[] {
    return this.#entries.filter((entry) =>
      entry.number >= from && (event === undefined || entry.event === event)
    );
  }

  /** How many events other than steps there were. */
  get entryCount(): number {
    return this.#count;
  }

  /** The evaluation with the lowest loss. */
  get bestEvaluation(): BestEvaluation | null {
    return this.#best;
  }

  #restart(): void {
    this.#steps = new NumberList("float64");
    this.#columns = new Map();
    this.#entries = [];
    this.#counts = new Map();
    this.#count = 0;
    this.#unreadable = 0;
    this.#best = null;
    this.#version++;
  }

  #line(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#unreadable++;
      return;
    }
    if (
      !isObject(value) || typeof value.event !== "string" ||
      typeof value.step !== "number"
    ) {
      this.#unreadable++;
      return;
    }
    if (value.event === "step") this.#addStep(value.step, value);
    else this.#addEntry(value.event, value.step, value);
  }

  #addStep(step: number, fields: JsonObject): void {
    const n = this.#steps.length;
    // curves are drawn from left to right
    if (!isStep(step) || n > 0 && step <= this.#steps.at(n - 1)) {
      this.#unreadable++;
      return;
    }
    this.#steps.push(step);
    for (const [name, value] of Object.entries(fields)) {
      if (NO_CURVES.has(name)) continue;
      if (isObject(value)) {
        for (const [inner, own] of Object.entries(value)) {
          this.#addFigure(`${name}.${inner}`, own, n);
        }
      } else this.#addFigure(name, value, n);
    }
    for (const column of this.#columns.values()) {
      if (column.length <= n) column.push(NaN);
    }
  }

  #addFigure(name: string, value: unknown, index: number): void {
    if (value !== null && typeof value !== "number") return;
    let column = this.#columns.get(name);
    if (column === undefined) {
      if (this.#columns.size >= MOST_COLUMNS || name.length > 500) return;
      column = new NumberList("float64");
      for (let i = 0; i < index; i++) column.push(NaN);
      this.#columns.set(name, column);
    }
    column.push(figure(value));
  }

  #addEntry(event: string, step: number, value: JsonObject): void {
    const at = isStep(step) ? step : 0;
    const number = this.#count++;
    this.#entries.push({
      number,
      event: event.slice(0, 100),
      step: at,
      fields: shortened(value),
    });
    const count = (this.#counts.get(event) ?? 0) + 1;
    this.#counts.set(event, count);
    if (count > MOST_ENTRIES) {
      this.#entries.splice(
        this.#entries.findIndex((entry) => entry.event === event),
        1,
      );
      this.#counts.set(event, MOST_ENTRIES);
    }
    if (event !== "eval") return;
    const loss = figure(value.eval_loss);
    if (loss < (this.#best?.loss ?? Infinity)) this.#best = { loss, step: at };
  }
}

/** The evaluation with the lowest loss. */
export interface BestEvaluation {
  /** Its `eval_loss`. */
  readonly loss: number;
  /** Optimizer steps done. */
  readonly step: number;
}

function isStep(step: number): boolean {
  return Number.isSafeInteger(step) && step >= 0;
}

function figure(value: unknown): number {
  return typeof value === "number" && Math.abs(value) <= LARGEST ? value : NaN;
}

/** An event whose texts are short enough to be shown, with what was cut counted. */
function shortened(value: JsonObject): JsonObject {
  let left = 4 * MOST_CHARACTERS;
  const cut = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") {
      const most = Math.min(MOST_CHARACTERS, Math.max(200, left));
      left -= Math.min(value.length, most);
      return value.length <= most
        ? value
        : `${value.slice(0, most)} ... (${
          value.length - most
        } more characters)`;
    }
    if (typeof value !== "object" || value === null) return value;
    if (depth > 6) return null;
    if (Array.isArray(value)) {
      return value.slice(0, 200).map((own) => cut(own, depth + 1));
    }
    return Object.fromEntries(
      Object.entries(value).slice(0, 200).map(([name, own]) => [
        name.slice(0, 500),
        cut(own, depth + 1),
      ]),
    );
  };
  const result = cut(value, 0);
  return isObject(result) ? result : {};
}
