/**
 * What was found of saved models, as data. Nothing in it depends on the time: the same seed gives the same report.
 * @module
 */
import {
  type EvaluatedModel,
  type Evaluation,
  VERSION,
} from "@denotune/denotune/core";

/** A table, or rows of it. */
export type Records = NonNullable<Evaluation["records"]>;

/** What an evaluator gave for one model. */
export interface EvaluatorReport {
  readonly evaluator: string;
  readonly records: Records;
  readonly verdict:
    | { readonly passed: boolean; readonly reason: string }
    | null;
}

/** One model of the report. */
export interface ModelReport {
  /** As it was named. */
  readonly name: string;
  readonly path: string;
  readonly model_type: string;
  /** Whether the others are compared with it. */
  readonly is_base: boolean;
  /** Figures by name, of all evaluators. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly evaluators: readonly EvaluatorReport[];
}

/** A condition that held. */
export interface FailedCondition {
  readonly condition: string;
  /** The model, as it was named. */
  readonly model: string;
  readonly found: number;
  /** What it was compared with. */
  readonly limit: number;
}

/** The report. */
export interface EvaluationReport {
  readonly denotune: string;
  readonly seed: number;
  /** Rows that were evaluated on. */
  readonly rows: number;
  readonly models: readonly ModelReport[];
  /** Conditions of `--fail-on` that held, and verdicts that were not passed. */
  readonly failed: readonly FailedCondition[];
}

/** The report of evaluated models, before conditions are looked at. */
export function reportOf(
  evaluated: readonly EvaluatedModel[],
  seed: number,
): EvaluationReport {
  return {
    denotune: VERSION,
    seed,
    rows: evaluated[0]?.rows ?? 0,
    models: evaluated.map(({ name, path, modelType, isBase, results }) => ({
      name,
      path,
      model_type: modelType,
      is_base: isBase,
      metrics: Object.fromEntries(
        results.flatMap(({ metrics }) =>
          [...metrics].map(([key, value]) => [key.replace(/^eval_/, ""), value])
        ),
      ),
      evaluators: results.map(({ name, result }) => ({
        evaluator: name,
        records: result.records ?? [],
        verdict: result.verdict ?? null,
      })),
    })),
    failed: [],
  };
}

/** One figure of all models, in their order; null where a model has none. */
export interface FigureRow {
  readonly name: string;
  readonly evaluator: string;
  readonly values: readonly (number | null)[];
}

/** The figures of all models side by side, by evaluator. */
export function figuresOf({ models }: EvaluationReport): FigureRow[] {
  const evaluators = models[0]?.evaluators.map((e) => e.evaluator) ?? [];
  const names = [...new Set(models.flatMap((m) => Object.keys(m.metrics)))];
  const isOf = (name: string, evaluator: string) => {
    const prefix = evaluator.replaceAll("-", "_");
    return name === prefix || name.startsWith(`${prefix}_`);
  };
  return names.map((name) => ({
    name,
    // the longest: `exact-match-strict` before `exact-match`
    evaluator: evaluators.filter((e) => isOf(name, e))
      .reduce((a, b) => b.length > a.length ? b : a, ""),
    values: models.map((m) => m.metrics[name] ?? null),
  }));
}
