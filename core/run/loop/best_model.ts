/**
 * Which step of a run was the best, and whether training should stop early: `metric_for_best_model`,
 * `greater_is_better`, `early_stopping_patience` and `early_stopping_threshold`, with transformers' rules.
 *
 * ```text
 * evaluation     1     2     3     4     5      patience 2, threshold 0.05
 * eval_loss    2.0   1.5   1.48  1.47  1.6
 * best         *     *     *     *              any improvement makes a new best
 * without gain 0     0     1     2 -> stop      only one of more than the threshold counts as a gain
 * ```
 * @module
 */
import type { TrainingConfig } from "../../config/types.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { listed } from "../../config/parse/problem.ts";

/** The numbers of an evaluation, by name; null: it could not be measured. */
export type Metrics = Readonly<Record<string, number | null>>;

/** The best step so far. */
export interface BestModel {
  /** The optimizer step after which it was evaluated. */
  readonly step: number;
  /** The value of the metric. */
  readonly value: number;
  /** All numbers of that evaluation. */
  readonly metrics: Metrics;
}

/** What the evaluations of a run have decided so far, as a checkpoint stores it. */
export interface BestSoFar {
  best: BestModel | null;
  /** Evaluations in a row that were no gain. */
  withoutGain: number;
}

/** What `training` says about the best model. */
export type BestModelSettings = Pick<
  TrainingConfig,
  | "load_best_model_at_end"
  | "metric_for_best_model"
  | "greater_is_better"
  | "early_stopping_patience"
  | "early_stopping_threshold"
>;

/** Key of the run file that names the metric. */
const BEST_KEY = "training.metric_for_best_model";

/** Whether a run compares its evaluations. */
export function choosesBest(settings: BestModelSettings): boolean {
  return settings.load_best_model_at_end ||
    settings.early_stopping_patience !== null;
}

/** The metric's name in events: transformers' users write it with and without `eval_`. */
export function bestMetricName(settings: BestModelSettings): string {
  const name = settings.metric_for_best_model;
  return name.startsWith("eval_") ? name : `eval_${name}`;
}

/** Whether a larger value is better: as the run file says, else no for what ends in loss or perplexity. */
export function isGreaterBetter(settings: BestModelSettings): boolean {
  return settings.greater_is_better ??
    !/(loss|perplexity)$/.test(settings.metric_for_best_model);
}

/** Adds an evaluation. Returns whether it is the best so far. Throws `ConfigError` where it lacks the metric. */
export function addEvaluation(
  soFar: BestSoFar,
  { step, metrics }: { readonly step: number; readonly metrics: Metrics },
  settings: BestModelSettings,
): boolean {
  const name = bestMetricName(settings);
  if (!Object.hasOwn(metrics, name)) {
    throw noSuchMetric(BEST_KEY, name, metrics);
  }
  const value = metrics[name];
  const { best } = soFar;
  const gain = value === null
    ? -Infinity // what could not be measured is no gain, as a NaN is none
    : best === null
    ? Infinity
    : isGreaterBetter(settings)
    ? value - best.value
    : best.value - value;
  soFar.withoutGain = gain > settings.early_stopping_threshold
    ? 0
    : soFar.withoutGain + 1;
  if (value === null || gain <= 0) return false;
  soFar.best = { step, value, metrics };
  return true;
}

/** Whether enough evaluations have passed without a gain. */
export function isPatienceSpent(
  soFar: BestSoFar | undefined,
  { early_stopping_patience }: BestModelSettings,
): boolean {
  return early_stopping_patience !== null && soFar !== undefined &&
    soFar.withoutGain >= early_stopping_patience;
}

/** What the evaluations of a run will measure. */
export interface MetricsOfRun {
  readonly measured: readonly string[];
  readonly evaluators: readonly string[];
}

/**
 * Refuses a metric that no evaluation of the run will give, before a device wakes. `measured` are the run's own
 * names; an evaluator's begin with its own.
 */
export function checkBestMetric(
  settings: BestModelSettings,
  given: MetricsOfRun,
): void {
  if (!choosesBest(settings)) return;
  checkMetric(BEST_KEY, bestMetricName(settings), given);
}

/** As {@linkcode checkBestMetric}, of the metric that a key of the run file names. */
export function checkMetric(
  key: string,
  name: string,
  { measured, evaluators }: MetricsOfRun,
): void {
  const prefixes = evaluators.map((e) => `eval_${e.replaceAll("-", "_")}`);
  const isKnown = measured.includes(name) ||
    prefixes.some((p) => name === p || name.startsWith(`${p}_`));
  if (isKnown) return;
  if (measured.length === 0 && prefixes.length === 0) {
    throw new ConfigError(
      `${key} is ${name}, but the run has no rows to evaluate on: set data.eval_fraction or data.eval, or name an evaluator`,
    );
  }
  throw noSuchMetric(
    key,
    name,
    [...measured, ...prefixes.map((p) => `${p}...`)],
  );
}

/** The error of a metric that is not measured. */
export function noSuchMetric(
  key: string,
  name: string,
  found: Metrics | readonly string[],
): ConfigError {
  const names = Array.isArray(found) ? found : Object.keys(found);
  return new ConfigError(
    `${key} is ${name}, which no evaluation of this run gives; choose one of ${
      listed(names.filter((n) => n !== "eval_seconds"))
    }`,
  );
}
