/**
 * Answers that follow a JSON schema, as many at a time as the model has rows.
 * @module
 */
import type { Answer } from "../../contracts/evaluator.ts";
import type { AnswerOptions } from "../../engine/generate/answer.ts";
import type { Completion, CompletionRequest } from "./complete.ts";

/** Answers prompts of tokens, in order. */
export async function answerBySchema(
  prompts: readonly Int32Array[],
  options: AnswerOptions & Pick<CompletionRequest, "raw" | "schema">,
  complete: (request: CompletionRequest) => Promise<Completion>,
): Promise<Answer[]> {
  const { schema, maxNewTokens, raw, stop, keepSpecial, onText, signal } =
    options;
  const done = await Promise.all(prompts.map((prompt, i) =>
    complete({
      prompt,
      maxNewTokens,
      raw,
      stop,
      keepSpecial,
      schema,
      answer: i,
      sampling: {
        temperature: options.temperature ?? 0,
        topK: options.topK ?? null,
        topP: options.topP ?? 1,
        repetitionPenalty: options.repetitionPenalty ?? 1,
        seed: options.seed ?? 0,
      },
      onText: (text) => onText?.(text, i),
      signal,
    })
  ));
  return done.map(({ text, finish, ids }, i) => ({
    text,
    finish,
    promptTokens: prompts[i].length,
    ids,
  }));
}
