/**
 * What an engine answers greedily, with the log-probability of every token: for tests beside others' logits.
 * @module
 */
import type { RowGenerator } from "../core/engine/generate/generation_row.ts";

/** Continues a prompt by `tokens` tokens. Scores: of the prompt's tokens from the second on, then of the answer's. */
export async function scoredAnswer(
  generator: RowGenerator,
  { prompt, tokens, key }: {
    readonly prompt: readonly number[];
    readonly tokens: number;
    readonly key: number;
  },
): Promise<{ readonly ids: readonly number[]; readonly scores: number[] }> {
  const scores: number[] = [];
  const row = await generator.submit({
    prompt: Int32Array.from(prompt),
    maxNewTokens: tokens,
    key,
    sampling: {
      temperature: 0,
      topK: null,
      topP: 1,
      repetitionPenalty: 1,
      seed: 1,
    },
    top: 0,
    scoresPrompt: true,
    onToken(_id, score) {
      scores.push(score?.logProbability ?? NaN);
      return false;
    },
  });
  const before = (row.prompt ?? []).map((s) => s.logProbability);
  return { ids: row.ids, scores: [...before, ...scores] };
}
