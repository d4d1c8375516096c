/**
 * An evaluator asks the model something and gives numbers.
 * @module
 */
import type { Example } from "./format.ts";

/** One evaluation row. */
export interface EvaluationRow {
  /** The example that it was made of. */
  readonly example: Example;
  /** The prompt, as it is shown to people. */
  readonly prompt: string;
  /** The expected answer. */
  readonly expected: string;
}

/** What an evaluator may use. */
export interface EvaluatorContext {
  /** Rows for evaluation, in order. */
  readonly rows: readonly EvaluationRow[];
  /** Answers of the model to the prompts of rows, in order; greedy unless told otherwise. */
  generate(
    rows: readonly EvaluationRow[],
    options: { maxNewTokens: number; temperature?: number },
  ): Promise<string[]>;
  /** Aborts a long evaluation. */
  readonly signal?: AbortSignal;
}

/** Measures a model. */
export interface Evaluator {
  /**
   * Numbers by name: `{"": 0.93}` becomes `eval_<part's name>`, `{avg_x: 1}` `eval_<part's name>_avg_x`.
   */
  evaluate(
    context: EvaluatorContext,
  ): Promise<Readonly<Record<string, number>>>;
}
