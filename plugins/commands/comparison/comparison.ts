/**
 * A figure compared with a limit, as `--fail-on` takes it: `duplicates>5%`.
 * @module
 */
import { ConfigError } from "@denotune/denotune/core";

/** How a figure is compared. */
export type Comparison = ">" | ">=" | "<" | "<=";

/** What was written. */
export interface WrittenComparison {
  /** Without the space around. */
  readonly text: string;
  readonly name: string;
  readonly comparison: Comparison;
  /** The limit as a word that is no number. */
  readonly word: string | null;
  /** The limit as a number: a share where `percent`. */
  readonly limit: number;
  readonly percent: boolean;
}

/**
 * Reads a comparison; `words`: what may take the place of the number. Throws `ConfigError`; `known` says which
 * names there are.
 */
export function readComparison(
  text: string,
  { known, example, words = [] }: {
    readonly known: string;
    readonly example: string;
    readonly words?: readonly string[];
  },
): WrittenComparison {
  const match =
    /^\s*([a-z][a-z0-9_-]*)\s*(>=|<=|>|<)\s*(?:(-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)\s*(%?)|([a-z]+))\s*$/i
      .exec(text);
  const word = match?.[5] ?? null;
  if (match === null || word !== null && !words.includes(word)) {
    throw new ConfigError(
      `Cannot read the condition ${
        JSON.stringify(text)
      }; write a metric, one of > >= < <=, and a number or a percentage: '${example}'. Metrics: ${known}`,
    );
  }
  const [, name, comparison, number, sign] = match;
  const percent = sign === "%";
  return {
    text: text.trim(),
    name,
    comparison: isComparison(comparison) ? comparison : ">",
    word,
    limit: percent ? Number(number) / 100 : Number(number),
    percent,
  };
}

/** Whether a figure is so compared to the limit. */
export function holds(
  found: number,
  comparison: Comparison,
  limit: number,
): boolean {
  switch (comparison) {
    case ">":
      return found > limit;
    case ">=":
      return found >= limit;
    case "<":
      return found < limit;
    case "<=":
      return found <= limit;
  }
}

function isComparison(text: string): text is Comparison {
  return [">", ">=", "<", "<="].includes(text);
}
