/**
 * A blind comparison by people: a page shows two answers to each prompt, the model's and its base's, without saying
 * which is which. The votes that it exports are counted at the next evaluation.
 * @module
 */
import {
  type Answered,
  ConfigError,
  definePart,
  type EvaluationRow,
  type Evaluator,
  hash32,
  type Host,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import { blindPage, type BlindPair } from "./human/blind_page.ts";
import { countVotes } from "./human/votes.ts";
import { readRowsFile } from "./prompts_file.ts";
import { answerFields, type AnswerOptions, firstRows, strip } from "./rows.ts";

/** Options of {@linkcode human}. */
export interface HumanOptions extends AnswerOptions {
  readonly votes: string | null;
  readonly min_preference: number | null;
}

const options: z.ZodType<HumanOptions, Partial<HumanOptions>> = z.strictObject({
  ...answerFields({ max_rows: 30, max_new_tokens: 200, temperature: 0.7 }),
  votes: z.string().min(1).nullable().default(null).describe(
    "File of votes that the page exported; null: none yet",
  ),
  min_preference: z.number().min(0).max(1).nullable().default(null).describe(
    "Share of votes for the model (a tie is half) below which the verdict is failed; null: none",
  ),
});

/** The part `human`. */
export const human: Part<"evaluator", Partial<HumanOptions>, HumanOptions> =
  definePart({
    kind: "evaluator",
    name: "human",
    description:
      "A page on which people compare the answers of the model and its base blindly; counts exported votes",
    options,
    create(o: HumanOptions, host: Host): Evaluator {
      const votes = o.votes === null
        ? []
        : readRowsFile(host.resolvePath(o.votes));
      const chosen = (rows: readonly EvaluationRow[]) =>
        firstRows(rows, { name: "human", max_rows: o.max_rows });
      return {
        asks: (rows) => ({
          questions: (["tuned", "base"] as const).flatMap((of) =>
            chosen(rows).map(({ request }) => ({
              prompt: request,
              sampling: {
                maxNewTokens: o.max_new_tokens,
                temperature: o.temperature,
              },
              of,
            }))
          ),
        }),
        score({ rows, answers }) {
          const pairs = pairsOf(chosen(rows), answers, host.seed);
          const counted = countVotes(votes, pairs);
          if (o.votes !== null && counted === null) {
            throw new ConfigError(
              `None of the votes in ${o.votes} is about these answers: the model, the rows, the seed or the temperature is another one`,
            );
          }
          return {
            numbers: counted ?? {},
            records: pairs.map((pair) => ({ ...pair })),
            files: { ".html": blindPage(pairs) },
            verdict: o.min_preference === null || counted === null ? null : {
              passed: counted.preference >= o.min_preference,
              reason: `${
                counted.preference.toPrecision(3)
              } of ${counted.votes} votes are for the model, asked for at least ${o.min_preference}`,
            },
          };
        },
      };
    },
  });

/** The two answers to each prompt; which comes first depends on the seed and the prompt. */
function pairsOf(
  rows: readonly EvaluationRow[],
  answers: Answered["answers"],
  seed: number,
): BlindPair[] {
  return rows.map(({ prompt }, i) => {
    const tuned = strip(answers[i][0].text);
    const base = strip(answers[rows.length + i][0].text);
    const tunedFirst = hash32(seed, i, hashOf(prompt)) % 2 === 0;
    const [a, b] = tunedFirst ? [tuned, base] : [base, tuned];
    const id = hash32(hashOf(prompt), hashOf(a), hashOf(b)).toString(16);
    return { id, prompt, a, b, a_is: tunedFirst ? "tuned" : "base" };
  });
}

function hashOf(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = hash32(hash, text.charCodeAt(i));
  return hash;
}
