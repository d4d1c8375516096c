/**
 * The runs of a folder as the page shows them, read on as they grow. Nothing here writes.
 * @module
 */
import {
  BATCH_FILE,
  type ConfigData,
  findRuns,
  type Json,
  METRICS_FILE,
  processBytes,
  PROMPTS_FILE,
  readResolvedFile,
  readTextUpTo,
  RunLog,
  type RunState,
  runState,
} from "@denotune/denotune/core";
import { join } from "node:path";

/** Milliseconds between two looks for new folders. */
const SCAN_MS = 2000;
/** Milliseconds after which the state of a run is looked at although it has said nothing: it may have been killed. */
const STATE_MS = 3000;

/** A run in the list. */
export interface RunSummary {
  /** Its path below the folder. */
  readonly name: string;
  /** How far it is. */
  readonly state: RunState;
  /** What went wrong, or what is not known. */
  readonly reason: string | null;
  /** The model as people call it. */
  readonly model: string | null;
  /** `lora`, or null. */
  readonly adapter: string | null;
  /** Optimizer steps done, and all of them. */
  readonly step: number;
  /** Optimizer steps of the run. */
  readonly totalSteps: number | null;
  /** The last logged loss. */
  readonly loss: number | null;
  /** The last evaluation's loss, and the lowest. */
  readonly evalLoss: number | null;
  /** The lowest loss of an evaluation. */
  readonly bestEvalLoss: number | null;
  /** Its step. */
  readonly bestEvalStep: number | null;
  /** Tokens a second, without padding. */
  readonly tokensPerSecond: number | null;
  /** Those of them that count in the loss. */
  readonly trainedTokensPerSecond: number | null;
  /** Estimate. */
  readonly secondsLeft: number | null;
  /** Memory that its process has now; null: it is not known. */
  readonly processBytes: number | null;
  /** When the batch that is shown was written, milliseconds since 1970; null: there is none. */
  readonly batchChanged: number | null;
  /** When its events were last written, milliseconds since 1970; null: never. */
  readonly changed: number | null;
}

/** A run and what was read of it. */
export interface StoredRun {
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  readonly log: RunLog;
}

/** The runs of a folder. */
export class RunStore {
  /** What is looked into. */
  readonly folder: string;
  readonly #runs = new Map<string, StoredRun>();
  /** Summaries, and when they were made: most runs of a folder are over. */
  readonly #known = new Map<string, { summary: RunSummary; at: number }>();
  #scannedAt = -Infinity;
  #refreshing: Promise<void> | null = null;

  /** Nothing is read yet. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Reads what is new, once for all who ask at the same time. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => this.#refreshing = null);
    await this.#refreshing;
  }

  /** A run by its name, read up to now before all others; undefined: there is none. */
  async open(name: string): Promise<StoredRun | undefined> {
    if (!this.#runs.has(name)) await this.#scanNow();
    const run = this.#runs.get(name);
    if (await run?.log.refresh()) this.#known.delete(name);
    return run;
  }

  /** A run by its name, as far as it was read; undefined: there is none. */
  get(name: string): StoredRun | undefined {
    return this.#runs.get(name);
  }

  /** All runs, the last written first. */
  async summaries(): Promise<RunSummary[]> {
    const all = await Promise.all(
      [...this.#runs.values()].map((run) => this.#summary(run)),
    );
    return all.sort((a, b) =>
      (b.changed ?? Infinity) - (a.changed ?? Infinity)
    );
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#scannedAt > SCAN_MS) await this.#scanNow();
    for (const { name, log } of this.#runs.values()) {
      if (await log.refresh()) this.#known.delete(name);
    }
  }

  async #summary(run: StoredRun): Promise<RunSummary> {
    const now = performance.now();
    const known = this.#known.get(run.name);
    if (known !== undefined && now - known.at < STATE_MS) return known.summary;
    const summary = await summaryOf(run);
    this.#known.set(run.name, { summary, at: now });
    return summary;
  }

  async #scanNow(): Promise<void> {
    this.#scannedAt = performance.now();
    const found = await findRuns(this.folder);
    const names = new Set(found.map(({ name }) => name));
    for (const name of this.#runs.keys()) {
      if (names.has(name)) continue;
      this.#runs.delete(name);
      this.#known.delete(name);
    }
    for (const { name, path } of found) {
      if (this.#runs.has(name)) continue;
      this.#runs.set(name, { name, path, log: new RunLog(path) });
    }
  }
}

/** How a run is in the list. */
export async function summaryOf(
  { name, path, log }: StoredRun,
): Promise<RunSummary> {
  const start = log.entries({ event: "start" }).at(-1)?.fields ?? {};
  const { steps, bestEvaluation } = log;
  const lastEval = log.entries({ event: "eval" }).at(-1)?.fields;
  const logged = steps.length === 0 ? 0 : steps.at(steps.length - 1);
  const last = log.entries({ from: log.entryCount - 1 }).at(-1);
  const { state, reason } = runState(path, log);
  return {
    name,
    state,
    reason,
    model: text(start.model),
    adapter: text(start.adapter),
    step: Math.max(logged, last?.step ?? 0),
    totalSteps: number(start.total_steps),
    loss: finite(log.last("loss")),
    evalLoss: number(lastEval?.eval_loss),
    bestEvalLoss: bestEvaluation?.loss ?? null,
    bestEvalStep: bestEvaluation?.step ?? null,
    tokensPerSecond: finite(log.last("tokens_per_second")),
    trainedTokensPerSecond: finite(log.last("trained_tokens_per_second")),
    secondsLeft: state === "running" ? finite(log.last("seconds_left")) : null,
    processBytes: state === "running" ? processBytes(path) : null,
    batchChanged: await changedAt(join(path, BATCH_FILE)),
    changed: await changedAt(join(path, METRICS_FILE)),
  };
}

async function changedAt(path: string): Promise<number | null> {
  try {
    const { mtime } = await Deno.stat(path);
    return mtime?.getTime() ?? null;
  } catch {
    return null;
  }
}

/** The prompts that were asked for while the run trains; null: those of its settings. */
export function askedPrompts({ path }: StoredRun): string[] | null {
  try {
    const text = readTextUpTo(join(path, PROMPTS_FILE), MOST_PROMPT_BYTES);
    const found: unknown = JSON.parse(text);
    return Array.isArray(found)
      ? found.filter((prompt) => typeof prompt === "string")
      : null;
  } catch {
    return null;
  }
}

const MOST_PROMPT_BYTES = 2 ** 20;

/** The settings of a run by their full keys, in the order of its file; an error as words where they cannot be read. */
export async function settingsOf(
  { path }: StoredRun,
): Promise<[string, string][]> {
  let data: ConfigData;
  try {
    data = await readResolvedFile(join(path, "config.resolved.yaml"));
  } catch (error) {
    return [[
      "config.resolved.yaml",
      error instanceof Error ? error.message : String(error),
    ]];
  }
  const settings: [string, string][] = [];
  const visit = (value: Json, key: string): void => {
    if (settings.length >= MOST_SETTINGS) return;
    if (typeof value !== "object" || value === null) {
      settings.push([key, shown(value)]);
    } else if (Object.keys(value).length === 0) {
      settings.push([key, Array.isArray(value) ? "[]" : "{}"]);
    } else {
      for (const [name, inner] of Object.entries(value)) {
        visit(inner, key === "" ? name : `${key}.${name}`);
      }
    }
  };
  visit(data, "");
  return settings;
}

const MOST_SETTINGS = 2000;
const MOST_CHARACTERS = 4000;

function shown(value: string | number | boolean | null): string {
  const text = String(value);
  return text.length <= MOST_CHARACTERS
    ? text
    : `${text.slice(0, MOST_CHARACTERS)} ... (${
      text.length - MOST_CHARACTERS
    } more characters)`;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
