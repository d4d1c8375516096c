/**
 * What training cost: diversity and entropy of the model against its base, and whether it has collapsed to one answer
 * for everything.
 * @module
 */
import {
  type Answer,
  type AskedModel,
  definePart,
  type EvaluationRow,
  type Evaluator,
  type Part,
  type TextScore,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  distinctShare,
  openingShare,
  selfSimilarity,
} from "./metrics/diversity.ts";
import { known, meanOf, strip } from "./rows.ts";

/** Options of {@linkcode alignmentTax}. */
export interface AlignmentTaxOptions {
  readonly prompts: readonly string[];
  readonly n: number;
  readonly temperature: number;
  readonly max_new_tokens: number;
  readonly max_rows: number;
  readonly max_self_similarity: number;
  readonly max_opening_share: number;
}

const options: z.ZodType<AlignmentTaxOptions, Partial<AlignmentTaxOptions>> = z
  .strictObject({
    prompts: z.array(z.string().min(1)).min(2).default([
      "Write about a journey.",
      "What do you think of the sea?",
      "Give me an idea for a gift.",
      "Describe a city at night.",
      "Tell me something surprising.",
      "How should I spend a free day?",
      "Name a book and say why it matters.",
      "Invent an animal.",
    ]).describe("Open prompts: many answers to them are good"),
    n: z.int().min(1).default(4).describe("Answers to each prompt"),
    temperature: z.number().positive().default(1).describe(
      "How freely answers are drawn",
    ),
    max_new_tokens: z.int().min(1).default(48).describe(
      "Most tokens of an answer",
    ),
    max_rows: z.int().min(0).default(100).describe(
      "Held-out rows whose answers are scored; without rows only answers are compared",
    ),
    max_self_similarity: z.number().min(0).max(1).default(0.6).describe(
      "The model has collapsed where its answers to different prompts are alike by more than this, and more than the base's",
    ),
    max_opening_share: z.number().min(0).max(1).default(0.5).describe(
      "The model has collapsed where more than this share of its answers begin the same, and more than the base's",
    ),
  });

/** The part `alignment-tax`. */
export const alignmentTax: Part<
  "evaluator",
  Partial<AlignmentTaxOptions>,
  AlignmentTaxOptions
> = definePart({
  kind: "evaluator",
  name: "alignment-tax",
  description:
    "Perplexity, entropy, and diversity of answers against the base; says whether the model has collapsed to one answer",
  options,
  create(o: AlignmentTaxOptions): Evaluator {
    const sampling = {
      maxNewTokens: o.max_new_tokens,
      temperature: o.temperature,
      n: o.n,
    };
    const scored = (rows: readonly EvaluationRow[]) =>
      rows.slice(0, o.max_rows).filter(({ expected }) => expected !== "");
    const sides: readonly AskedModel[] = ["tuned", "base"];
    return {
      asks: (rows, wording) => ({
        // a greedy answer is the same each time
        questions: sides.flatMap((of) =>
          o.prompts.map((prompt) => ({
            prompt: wording.request(prompt),
            sampling,
            of,
          }))
        ),
        texts: sides.flatMap((of) =>
          scored(rows).map(({ request, expected }) => ({
            text: expected,
            after: request,
            of,
          }))
        ),
      }),
      score({ rows, answers, scores }) {
        const half = scored(rows).length;
        const { length } = o.prompts;
        const tuned = measure(answers.slice(0, length), scores.slice(0, half));
        const base = measure(answers.slice(length), scores.slice(half));
        const reason = collapse(tuned, base, o);
        const prefixed = Object.entries(base)
          .map(([name, value]) => [`base_${name}`, value]);
        return {
          numbers: known({
            collapsed: reason === null ? 0 : 1,
            ...tuned,
            ...Object.fromEntries(prefixed),
          }),
          records: o.prompts.flatMap((prompt, i) =>
            answers[i].map(({ text }, sample) => ({
              prompt,
              answer: strip(text),
              base_answer: strip(answers[length + i][sample].text),
            }))
          ),
          verdict: {
            passed: reason === null,
            reason: reason ?? "the answers are as different as asked for",
          },
        };
      },
    };
  },
});

/** Figures of one model. */
interface Diversity {
  readonly perplexity: number | null;
  readonly entropy: number | null;
  readonly distinct_1: number | null;
  readonly distinct_2: number | null;
  readonly self_similarity: number | null;
  readonly opening_share: number | null;
}

function measure(
  answers: readonly (readonly Answer[])[],
  scores: readonly TextScore[],
): Diversity {
  const texts = answers.map((given) => given.map(({ text }) => strip(text)));
  const all = texts.flat();
  const loss = meanOf(scores.flatMap((s) => [...s.logProbabilities]));
  return {
    perplexity: loss === null ? null : Math.exp(-loss),
    entropy: meanOf(scores.flatMap((s) => [...s.entropies])),
    distinct_1: distinctShare(all, 1),
    distinct_2: distinctShare(all, 2),
    self_similarity: selfSimilarity(texts),
    opening_share: openingShare(all),
  };
}

/** Why a model has collapsed; null where it has not. */
function collapse(
  tuned: Diversity,
  base: Diversity,
  o: AlignmentTaxOptions,
): string | null {
  const shown = (value: number | null) =>
    value === null ? "unknown" : Number(value.toPrecision(3));
  const above = (
    name: "self_similarity" | "opening_share",
    most: number,
  ) => {
    const [is, was] = [tuned[name] ?? 0, base[name] ?? 0];
    return is > most && is > was;
  };
  const found = [
    ...above("self_similarity", o.max_self_similarity)
      ? [
        `answers to different prompts are alike by ${
          shown(tuned.self_similarity)
        } (the base's by ${shown(base.self_similarity)})`,
      ]
      : [],
    ...above("opening_share", o.max_opening_share)
      ? [
        `a share of ${
          shown(tuned.opening_share)
        } of the answers begin the same (the base's: ${
          shown(base.opening_share)
        })`,
      ]
      : [],
  ];
  return found.length === 0
    ? null
    : `the model has collapsed: ${found.join("; ")}`;
}
