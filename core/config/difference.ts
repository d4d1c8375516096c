/**
 * What changed between two resolved runs, and whether it can change numbers: an unfinished run goes
 * on only with the settings it began with.
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { Json } from "../contracts/json.ts";
import type { ConfigData } from "./resolved.ts";
import { isPlainObject } from "./parse/tree.ts";
import { dataOptionNames } from "./schema/data_options.ts";

/** One key that differs. */
export interface Difference {
  /** Full path: `optimizer.betas.1`. */
  readonly key: string;
  /** Undefined where the key was not there. */
  readonly was: Json | undefined;
  /** Undefined where the key is gone. */
  readonly now: Json | undefined;
  /** Whether it cannot change the weights that a run ends with, nor the losses it logs. */
  readonly harmless: boolean;
}

/**
 * Keys that may differ between an interrupted run and its continuation: trackers, the steps and folders of logging and
 * saving, and the number of processes. Evaluators and samples read the model and change nothing in it. Another
 * backend computes the same numbers except for rounding, and the checkpoint's device fingerprint detects it.
 */
const HARMLESS: readonly string[] = [
  "output_dir",
  "extends",
  "untrusted_plugins",
  "backend",
  "memory_limit",
  "memory",
  "parallel",
  "evaluators",
  "generation",
  "samples",
  "trackers",
  "model.save_dtype",
  ...dataOptionNames("nothing").map((name) => `data.${name}`),
  "training.logging_steps",
  "training.max_skipped_updates",
  "training.eval_steps",
  "training.eval_on_start",
  "training.save_steps",
  "training.save_total_limit",
  "training.resume",
];

/** Harmless keys that decide the weights where evaluations are compared. */
const COMPARED: readonly string[] = ["evaluators", "training.eval_steps"];

/** The keys in which `now` differs from `was`, in their order. Take the data from `configData` or `readResolved`. */
export function configDifference(
  was: ConfigData,
  now: ConfigData,
): Difference[] {
  const differences: Difference[] = [];
  const compares = comparesEvaluations(was) || comparesEvaluations(now);
  const compare = (
    was: Json | undefined,
    now: Json | undefined,
    path: readonly string[],
  ): void => {
    if (isDeepStrictEqual(was, now)) return;
    const steps = stepsInto(was, now);
    if (steps === null) {
      const key = path.join(".");
      const harmless = isUnder(HARMLESS, key) &&
        !(compares && isUnder(COMPARED, key));
      differences.push({ key, was, now, harmless });
      return;
    }
    for (const step of steps) {
      compare(child(was, step), child(now, step), [...path, step]);
    }
  };
  compare(was, now, []);
  return differences;
}

/** Keys to descend into; null where two values are compared as a whole (another part, another type). */
function stepsInto(
  was: Json | undefined,
  now: Json | undefined,
): string[] | null {
  if (isList(was) && isList(now)) {
    const length = Math.max(was.length, now.length);
    return length === 0 ? null : Array.from({ length }, (_, i) => String(i));
  }
  if (isMap(was) && isMap(now)) {
    if (was.use !== now.use) return null;
    return [...new Set([...Object.keys(was), ...Object.keys(now)])];
  }
  return null;
}

function child(value: Json | undefined, step: string): Json | undefined {
  if (isList(value)) return value[Number(step)];
  return isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isMap(
  value: Json | undefined,
): value is { readonly [key: string]: Json } {
  return isPlainObject(value);
}

/** Whether the run compares its evaluations: then they decide which weights it ends with. */
function comparesEvaluations({ training }: ConfigData): boolean {
  return isMap(training) &&
    (training.load_best_model_at_end === true ||
      typeof training.early_stopping_patience === "number");
}

function isUnder(keys: readonly string[], key: string): boolean {
  return keys.some((k) => key === k || key.startsWith(`${k}.`));
}
