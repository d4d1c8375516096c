/**
 * What a run's own files say of it, gathered for a reader.
 * @module
 */
import { join } from "node:path";
import {
  DataError,
  type LogEntry,
  RunLog,
  type RunState,
  runState,
  smoothed,
  thinned,
} from "@denotune/denotune/core";
import type { Point } from "./curve.ts";

/** A run as its folder tells it. */
export interface RunReport {
  readonly folder: string;
  readonly state: RunState;
  /** Why it is not finished; null: nothing is known, or it is. */
  readonly reason: string | null;
  /** Fields of the event `start`. */
  readonly start: Readonly<Record<string, unknown>>;
  /** Fields of the event `end`; null: it did not end. */
  readonly end: Readonly<Record<string, unknown>> | null;
  readonly steps: number;
  /** `config.resolved.yaml`; null: it is not there. */
  readonly settings: string | null;
  /** Logged figures by column. */
  readonly curves: Readonly<Record<string, readonly Point[]>>;
  /** Empty where there are few points. */
  readonly smoothLoss: readonly Point[];
  readonly evaluations: readonly LogEntry[];
  readonly samples: readonly LogEntry[];
  readonly notices: readonly LogEntry[];
  readonly saves: readonly LogEntry[];
}

/** Points of a curve at most. */
const MOST_POINTS = 400;
/** Fewer points are drawn as they are. */
const FEW = 50;
/** Weight of what came before, in the smoothed loss. */
const SMOOTHING = 0.9;
/** Bytes of settings that are shown. */
const MOST_SETTINGS = 200_000;

/** Reads a run folder. Throws `DataError` where no run was begun. */
export async function readReport(folder: string): Promise<RunReport> {
  const log = new RunLog(folder);
  await log.refresh();
  const start = log.entries({ event: "start" })[0]?.fields;
  if (start === undefined) {
    throw new DataError(
      `There is no run to report on in ${folder}: its metrics.jsonl has no start. Name the folder that a run wrote (output_dir), and keep jsonl among its \`trackers\``,
    );
  }
  const { state, reason } = runState(folder, log);
  const names = [
    "loss",
    "learning_rate",
    "grad_norm",
    "trained_tokens_per_second",
  ]
    .filter((name) => log.column(name) !== null);
  const loss = log.column("loss");
  const smooth = loss === null || loss.length < FEW
    ? []
    : [smoothed(loss, SMOOTHING)];
  const columns = names.flatMap((name) => log.column(name) ?? []);
  const all = thinned(log.steps, [
    ...columns,
    ...smooth.map((s) => ({ at: (i: number) => s[i] })),
  ], {
    buckets: MOST_POINTS / 2,
  });
  const points = (column: readonly (number | null)[] | undefined): Point[] =>
    (column ?? []).flatMap((value, i): Point[] =>
      value === null ? [] : [[all.steps[i], value]]
    );
  return {
    folder,
    state,
    reason,
    start,
    end: log.entries({ event: "end" }).at(-1)?.fields ?? null,
    steps: log.steps.length === 0 ? 0 : log.steps.at(log.steps.length - 1),
    settings: readSettings(join(folder, "config.resolved.yaml")),
    curves: Object.fromEntries(
      names.map((name, i) => [name, points(all.columns[i])]),
    ),
    smoothLoss: points(all.columns[names.length]),
    evaluations: log.entries({ event: "eval" }),
    samples: log.entries({ event: "sample" }),
    notices: log.entries({ event: "notice" }),
    saves: log.entries({ event: "save" }),
  };
}

function readSettings(path: string): string | null {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile && size <= MOST_SETTINGS ? Deno.readTextFileSync(path) : null;
  } catch {
    return null; // a copied run may lack it: the report does without
  }
}

/** A field that is a number; NaN where it is not. */
export function numberOf(
  fields: Readonly<Record<string, unknown>> | null,
  name: string,
): number {
  const value = fields?.[name];
  return typeof value === "number" ? value : NaN;
}

/** A field as text; empty where it is not there. */
export function textOf(
  fields: Readonly<Record<string, unknown>> | null,
  name: string,
): string {
  const value = fields?.[name];
  return typeof value === "string"
    ? value
    : typeof value === "number"
    ? String(value)
    : "";
}

/** `3 min 20 s` */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
}
