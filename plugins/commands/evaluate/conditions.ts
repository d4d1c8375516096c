/**
 * Conditions under which an evaluation fails: `rouge<0.3`, or `rouge<base`.
 * @module
 */
import { ConfigError, nearest } from "@denotune/denotune/core";
import {
  type Comparison,
  holds,
  readComparison,
} from "../comparison/comparison.ts";
import type { EvaluationReport, FailedCondition } from "./report.ts";

/** A condition that must not hold. */
export interface FailCondition {
  /** As it was written. */
  readonly text: string;
  /** Name of a figure, with `_`: `rouge`, `instruction_following_completion_rate`. */
  readonly name: string;
  readonly comparison: Comparison;
  /** A number, or the same figure of the model that is compared with. */
  readonly limit: number | "base";
}

/** The figure of a name; the bare name of an evaluator means the first figure that it gives. */
function figureNamed(
  name: string,
  figures: ReadonlySet<string>,
  models: EvaluationReport["models"],
): string {
  const isEvaluator = models.some(({ evaluators }) =>
    evaluators.some((e) => e.evaluator.replaceAll("-", "_") === name)
  );
  if (figures.has(name) || !isEvaluator) return name;
  return [...figures].find((f) => f.startsWith(`${name}_`)) ?? name;
}

/** Reads a condition about the figures of evaluators. Throws `ConfigError`. */
export function parseCondition(
  text: string,
  evaluators: readonly string[],
): FailCondition {
  const prefixes = evaluators.map((name) => name.replaceAll("-", "_"));
  const written = readComparison(text, {
    known: prefixes.join(", "),
    example: "rouge<0.3",
    words: ["base"],
  });
  const name = written.name.replaceAll("-", "_").replace(/^eval_/, "");
  if (!prefixes.some((p) => name === p || name.startsWith(`${p}_`))) {
    throw new ConfigError(
      `\`${written.name}\` is no figure of ${
        evaluators.join(", ")
      }; choose its evaluator with --evaluator, or name one of theirs`,
    );
  }
  return {
    text: written.text,
    name,
    comparison: written.comparison,
    limit: written.word === null ? written.limit : "base",
  };
}

/**
 * The conditions that hold, for each model but the one that is compared with. Throws `ConfigError` for a figure
 * that no model has.
 */
export function failedConditions(
  conditions: readonly FailCondition[],
  { models }: Pick<EvaluationReport, "models">,
): FailedCondition[] {
  const base = models.find((model) => model.is_base);
  const figures = new Set(models.flatMap((m) => Object.keys(m.metrics)));
  return conditions.flatMap(({ text, name: written, comparison, limit }) => {
    const name = figureNamed(written, figures, models);
    if (!figures.has(name)) {
      const close = nearest(name, [...figures]);
      throw new ConfigError(
        `There is no figure \`${name}\`${
          close === null ? "" : `; did you mean \`${close}\`?`
        } Figures: ${[...figures].join(", ")}`,
      );
    }
    if (limit === "base" && base === undefined) {
      throw new ConfigError(
        `${text} compares with the base, and there is none: name it with --compare`,
      );
    }
    const most = limit === "base" ? base?.metrics[name] : limit;
    if (most === undefined) return [];
    return models.flatMap((model): FailedCondition[] => {
      const found = model.metrics[name];
      if (model.is_base || found === undefined) return [];
      if (!holds(found, comparison, most)) return [];
      return [{ condition: text, model: model.name, found, limit: most }];
    });
  });
}
