/**
 * Instruction, expected and generated answer side by side: for people to read.
 * @module
 */
import { definePart, type Evaluator, type Part } from "@denotune/denotune/core";
import { z } from "zod";
import { answerFields, firstRows, instructionOf, strip } from "./rows.ts";

const fields = answerFields({
  max_rows: null,
  max_new_tokens: 100,
  temperature: 0.7,
});

/** Options of {@linkcode generationTable}. */
export interface GenerationTableOptions {
  readonly num_examples: number;
  readonly max_new_tokens: number;
  readonly temperature: number;
}

const options: z.ZodType<
  GenerationTableOptions,
  Partial<GenerationTableOptions>
> = z.strictObject({
  num_examples: z.int().min(1).default(5).describe(
    "Rows that are asked, from the first on",
  ),
  max_new_tokens: fields.max_new_tokens,
  temperature: fields.temperature,
});

/** The part `generation-table`. */
export const generationTable: Part<
  "evaluator",
  Partial<GenerationTableOptions>,
  GenerationTableOptions
> = definePart({
  kind: "evaluator",
  name: "generation-table",
  description: "A table of instructions, expected and generated answers",
  options,
  create: (o: GenerationTableOptions): Evaluator => {
    const { num_examples: max_rows, max_new_tokens, temperature } = o;
    return {
      asks: (rows) => ({
        questions: firstRows(rows, { name: "generation-table", max_rows })
          .map(({ request }) => ({
            prompt: request,
            sampling: { maxNewTokens: max_new_tokens, temperature },
          })),
      }),
      score: ({ rows, answers }) => ({
        numbers: {},
        records: answers.map(([{ text }], i) => ({
          instruction: instructionOf(rows[i]),
          expected: rows[i].expected,
          generated: strip(text),
        })),
      }),
    };
  },
});
