/**
 * Conditions under which an analysis fails: `duplicates>5%`, `avg_output_length<10`.
 * @module
 */
import { ConfigError, nearest } from "@denotune/denotune/core";
import {
  type Comparison,
  holds,
  readComparison,
} from "../comparison/comparison.ts";
import { type Metric, METRICS, type MetricValues } from "./metrics.ts";

/** A condition that must not hold. */
export interface FailCondition {
  /** As it was written. */
  readonly text: string;
  readonly metric: Metric;
  readonly comparison: Comparison;
  /** The limit: a share where `percent`, else as the metric counts. */
  readonly limit: number;
  /** Whether a share is compared. */
  readonly percent: boolean;
}

/** A condition that held. */
export interface FailedCondition {
  readonly condition: string;
  /** What was found. */
  readonly found: number;
  /** The same for people: `7.3% (512 of 7,000)`. */
  readonly found_text: string;
}

/** Reads a condition. Throws `ConfigError` that lists the metrics. */
export function parseCondition(text: string): FailCondition {
  const written = readComparison(text, {
    known: names(),
    example: "duplicates>5%",
  });
  const { name, comparison, limit, percent } = written;
  const metric = METRICS.find((m) => m.name === name);
  if (metric === undefined) {
    const close = nearest(name, METRICS.map((m) => m.name));
    throw new ConfigError(
      `There is no metric \`${name}\`${
        close === null ? "" : `; did you mean \`${close}\`?`
      } Metrics: ${names()}`,
    );
  }
  if (percent && metric.kind === "number") {
    throw new ConfigError(
      `\`${name}\` (${metric.title}) is no share: write ${name}${comparison}${
        Number((100 * limit).toPrecision(12))
      }`,
    );
  }
  return { text: written.text, metric, comparison, limit, percent };
}

function names(): string {
  return METRICS.map((m) => m.name).join(", ");
}

/** The conditions that there is nothing to compare with: `leakage` without evaluation rows. */
export function emptyConditions(
  conditions: readonly FailCondition[],
  metrics: MetricValues,
): FailCondition[] {
  const values = new Map(Object.entries(metrics));
  return conditions.filter(({ metric }) => {
    const value = values.get(metric.name) ?? null;
    return value === null || (typeof value !== "number" && value.of === 0);
  });
}

/** The conditions that hold. A figure that there is nothing for holds none. */
export function failedConditions(
  conditions: readonly FailCondition[],
  metrics: MetricValues,
): FailedCondition[] {
  return conditions.flatMap((condition): FailedCondition[] => {
    const value = new Map(Object.entries(metrics)).get(condition.metric.name) ??
      null;
    if (value === null) return [];
    const found = typeof value === "number"
      ? value
      : condition.percent
      ? value.share
      : value.count;
    if (!holds(found, condition.comparison, condition.limit)) return [];
    const found_text = typeof value === "number"
      ? condition.metric.kind === "share"
        ? percentText(value)
        : String(Number(value.toPrecision(6)))
      : `${percentText(value.share)} (${value.count} of ${value.of})`;
    return [{ condition: condition.text, found, found_text }];
  });
}

function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
