/**
 * What a run's folder says of how a model was trained: its settings, and the events of `metrics.jsonl`.
 * @module
 */
import {
  isHubId,
  isPlainObject,
  type LogEntry,
  readResolvedFile,
  RunLog,
  thinned,
} from "@denotune/denotune/core";
import { basename, join } from "node:path";

/** A point of a curve. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

/** What the model card is made from. */
export interface RunFacts {
  /** Hub id of the model that was trained on; null: random weights, or a folder of this machine. */
  readonly base: string | null;
  /** Data sets: Hub ids, and names of files without their folders. */
  readonly data: readonly {
    readonly name: string;
    readonly isHub: boolean;
    readonly format: string;
  }[];
  /** Settings by their keys in the run file. */
  readonly settings: readonly (readonly [key: string, value: string])[];
  /** `lora`, ...; null: all weights were trained. */
  readonly adapter: string | null;
  /** `sft`, `pretrain` */
  readonly mode: string;
  /** The event of the start; empty where there is none. */
  readonly start: { readonly [key: string]: unknown };
  /** Training loss and evaluation loss by step. */
  readonly losses: readonly Point[];
  readonly evalLosses: readonly Point[];
  /** Numbers of the last evaluation. */
  readonly metrics: readonly (readonly [name: string, value: number])[];
}

/** Points of the curve at most. */
const MOST_POINTS = 400;

/** Settings that the card shows. */
const SHOWN: readonly string[] = [
  "training_mode",
  "objective.use",
  "adapter.use",
  "adapter.r",
  "adapter.lora_alpha",
  "adapter.target_modules",
  "optimizer.use",
  "optimizer.learning_rate",
  "schedule.use",
  "training.epochs",
  "training.max_steps",
  "training.batch_size",
  "training.gradient_accumulation_steps",
  "data.max_length",
  "data.template",
  "seed",
];

/** Reads the run. */
export async function readRunFacts(run: string): Promise<RunFacts> {
  const config = await readResolvedFile(join(run, "config.resolved.yaml"));
  const log = new RunLog(run);
  await log.refresh();
  const evals = log.entries({ event: "eval" });
  const last = evals.at(-1)?.fields ?? {};
  const path = at(config, "model.path");
  return {
    base: typeof path === "string" && isHubId(path) ? path : null,
    data: dataOf(at(config, "data.train")),
    settings: SHOWN.flatMap((key) => {
      const value = at(config, key);
      if (value === undefined || value === null) return [];
      const shown = isPlainObject(value) ? value.use : value;
      return [
        [
          key,
          typeof shown === "string" ? shown : JSON.stringify(shown),
        ] as const,
      ];
    }),
    adapter: nameOf(at(config, "adapter")),
    mode: String(config.training_mode ?? "sft"),
    start: log.entries({ event: "start" })[0]?.fields ?? {},
    losses: lossesOf(log),
    evalLosses: evalLossesOf(evals),
    metrics: Object.entries(last).flatMap(([name, value]) =>
      name.startsWith("eval_") && name !== "eval_seconds" &&
        typeof value === "number"
        ? [[name, value] as const]
        : []
    ),
  };
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce(
    (found: unknown, key) => isPlainObject(found) ? found[key] : undefined,
    value,
  );
}

function nameOf(choice: unknown): string | null {
  if (typeof choice === "string") return choice;
  const use = at(choice, "use");
  return typeof use === "string" ? use : null;
}

function dataOf(entries: unknown): RunFacts["data"] {
  return (Array.isArray(entries) ? entries : []).map((entry: unknown) => {
    const path = at(entry, "path");
    const isHub = typeof path === "string" && isHubId(path);
    return {
      // folders of this machine are nobody's business
      name: typeof path !== "string"
        ? "rows given in code"
        : isHub
        ? path
        : basename(path),
      isHub,
      format: nameOf(at(entry, "format")) ?? "auto",
    };
  });
}

function lossesOf(log: RunLog): Point[] {
  const loss = log.column("loss");
  if (loss === null) return [];
  const { steps, columns: [values] } = thinned(log.steps, [loss], {
    buckets: MOST_POINTS / 2,
  });
  return steps.flatMap((step, i) => {
    const value = values[i];
    return value === null ? [] : [{ step, value }];
  });
}

function evalLossesOf(evals: readonly LogEntry[]): Point[] {
  return evals.flatMap(({ step, fields: { eval_loss: value } }) =>
    typeof value === "number" ? [{ step, value }] : []
  );
}
