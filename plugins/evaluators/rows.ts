/**
 * What evaluators read of a row, and the options that they share.
 * @module
 */
import { ConfigError, type EvaluationRow } from "@denotune/denotune/core";
import { z } from "zod";

/** Options of evaluators that let the model answer rows. */
export interface AnswerOptions {
  /** Rows that are asked, from the first on; null: all. */
  readonly max_rows: number | null;
  /** Most tokens of an answer. */
  readonly max_new_tokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
}

/** The options {@linkcode AnswerOptions} as fields of a schema. */
export function answerFields(
  defaults: AnswerOptions,
): {
  readonly max_rows: z.ZodType<number | null, number | null | undefined>;
  readonly max_new_tokens: z.ZodType<number, number | undefined>;
  readonly temperature: z.ZodType<number, number | undefined>;
} {
  return {
    max_rows: z.int().min(1).nullable().default(defaults.max_rows).describe(
      "Rows that are asked, from the first on; null: all",
    ),
    max_new_tokens: z.int().min(1).default(defaults.max_new_tokens).describe(
      "Most tokens that an answer may have",
    ),
    temperature: z.number().min(0).default(defaults.temperature).describe(
      "0: always the likeliest token; above: drawn by the seed",
    ),
  };
}

/** The first rows. Throws `ConfigError` where there are none. */
export function firstRows(
  rows: readonly EvaluationRow[],
  { name, max_rows }: {
    /** The evaluator, in the message. */
    readonly name: string;
    readonly max_rows: number | null;
  },
): readonly EvaluationRow[] {
  if (rows.length === 0) {
    throw new ConfigError(
      `${name} has no rows to ask: set data.eval, data.eval_fraction or data.eval_holdout (\`evaluate\` takes --data too), or remove it from \`evaluators\``,
    );
  }
  return rows.slice(0, max_rows ?? rows.length);
}

/** The instruction of a row: what the user asks, without an input beside it. */
export function instructionOf({ example, prompt }: EvaluationRow): string {
  if (!("messages" in example)) return prompt;
  const at = example.messages.findLastIndex((m) => m.role === "assistant");
  return example.messages[at - 1]?.content ?? prompt;
}

/**
 * White space as Python's `str.split()` and `str.strip()` see it: that of JavaScript without U+FEFF, with U+001C to
 * U+001F and U+0085.
 */
// deno-lint-ignore no-control-regex -- control characters that are white space
const SPACE = /(?:[^\S\ufeff]|[\u001c-\u001f\u0085])+/u;

/** Words as Python's `str.split()` parts them. */
export function words(text: string): string[] {
  return text.split(SPACE).filter((word) => word !== "");
}

/** A text without the white space around it, as Python's `str.strip()`. */
export function strip(text: string): string {
  const around = SPACE.source;
  return text.replace(new RegExp(`^${around}`, "u"), "")
    .replace(new RegExp(`${around}$`, "u"), "");
}

/** A mean; null of nothing. */
export function meanOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Figures without those that there is no data for. */
export function known(
  numbers: Readonly<Record<string, number | null>>,
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== null) found[name] = value;
  }
  return found;
}

/** A verdict on a figure that must reach a threshold; null where none is set. */
export function atLeast(
  value: number | null,
  { threshold, what }: {
    readonly threshold: number | null;
    /** What the figure is: `the share of right answers`. */
    readonly what: string;
  },
): { readonly passed: boolean; readonly reason: string } | null {
  if (threshold === null || value === null) return null;
  const shown = Number(value.toPrecision(4));
  return {
    passed: value >= threshold,
    reason: `${what} is ${shown}, asked for at least ${threshold}`,
  };
}
