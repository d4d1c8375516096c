/**
 * How likely the model finds the expected answers, behind their prompts.
 * @module
 */
import {
  definePart,
  type EvaluationRow,
  type Evaluator,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import { firstRows, known } from "./rows.ts";

/** Options of {@linkcode perplexity}. */
export interface PerplexityOptions {
  readonly max_rows: number | null;
  readonly max_perplexity: number | null;
}

const options: z.ZodType<PerplexityOptions, Partial<PerplexityOptions>> = z
  .strictObject({
    max_rows: z.int().min(1).nullable().default(200).describe(
      "Rows that are scored, from the first on; null: all",
    ),
    max_perplexity: z.number().min(1).nullable().default(null).describe(
      "Perplexity above which the verdict is failed; null: none",
    ),
  });

/** The part `perplexity`. */
export const perplexity: Part<
  "evaluator",
  Partial<PerplexityOptions>,
  PerplexityOptions
> = definePart({
  kind: "evaluator",
  name: "perplexity",
  description:
    "Perplexity, loss and entropy of the expected answers behind their prompts, by token",
  options,
  create({ max_rows, max_perplexity }: PerplexityOptions): Evaluator {
    const chosen = (rows: readonly EvaluationRow[]) =>
      firstRows(rows, { name: "perplexity", max_rows })
        .filter(({ expected }) => expected !== "");
    return {
      asks: (rows) => ({
        texts: chosen(rows).map(({ request, expected }) => ({
          text: expected,
          after: request,
        })),
      }),
      score({ rows, scores }) {
        const records = chosen(rows).map(({ prompt, expected }, i) => ({
          prompt,
          expected,
          ...of([scores[i]]),
        }));
        const all = of(scores);
        return {
          numbers: known({
            // `eval_perplexity` is the run's own, end tokens included
            answers: all.perplexity,
            loss: all.loss,
            entropy: all.entropy,
          }),
          records,
          verdict: max_perplexity === null || all.perplexity === null ? null : {
            passed: all.perplexity <= max_perplexity,
            reason: `the perplexity is ${
              all.perplexity.toPrecision(4)
            }, asked for at most ${max_perplexity}`,
          },
        };
      },
    };
  },
});

/** Means over all tokens; null without any. */
function of(
  scores: readonly {
    readonly logProbabilities: Float32Array;
    readonly entropies: Float32Array;
  }[],
) {
  const mean = (of: readonly Float32Array[]) => {
    const all = of.flatMap((values) => [...values]);
    return all.length === 0 ? null : all.reduce((a, b) => a + b) / all.length;
  };
  const logProbability = mean(scores.map((s) => s.logProbabilities));
  const loss = logProbability === null ? null : -logProbability;
  return {
    perplexity: loss === null ? null : Math.exp(loss),
    loss,
    entropy: mean(scores.map((s) => s.entropies)),
    tokens: scores.reduce((n, s) => n + s.entropies.length, 0),
  };
}
