/**
 * What a loaded model makes of texts: the log-probability of each token, the entropy of the choice it was one of, and
 * the loss, their mean.
 * @module
 */
import type { Prompt, TextScore } from "../../contracts/evaluator.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import type { Session } from "../../engine/session.ts";
import { scoreTexts, tokenizeText } from "../../engine/score.ts";

/** A text to score. */
export interface TextToScore {
  /** What is scored. */
  readonly text: string;
  /** What it follows, which is read but not scored: a prompt as the model's template writes it. */
  readonly after: Prompt | undefined;
}

/** What the model makes of a text. */
export interface Score extends TextScore {
  /** Mean of the negative log-probabilities: the loss of this text. */
  readonly loss: number;
}

/** What texts are scored with. */
export interface Scoring {
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  /** Tokens that a text may have, and what it is scored for. */
  readonly capacity: number;
  /** Whether the model sees earlier tokens only. */
  readonly causal: boolean;
  /** A session with programs for texts of that many tokens. */
  open(tokens: number): Promise<Session>;
  readonly signal?: AbortSignal;
}

/** Scores texts, in order. Throws `ConfigError` for a text without a token to score, `DataError` for one too long. */
export async function scoreWith(
  texts: readonly TextToScore[],
  scoring: Scoring,
): Promise<Score[]> {
  if (!scoring.causal) {
    throw new ConfigError(
      "This model sees later tokens too, so it has no probability of one token after the others",
    );
  }
  const tokenized = texts.map(({ text, after }) =>
    tokenizeText(after === undefined ? { text } : { text, after }, scoring)
  );
  tokenized.forEach(({ ids }, i) => {
    if (ids.length <= scoring.capacity) return;
    throw new DataError(
      `Text ${i + 1} has ${ids.length} tokens; ${scoring.capacity} fit`,
    );
  });
  if (tokenized.length === 0) return [];
  const session = await scoring.open(
    Math.max(...tokenized.map(({ ids }) => ids.length)),
  );
  const scores = await scoreTexts(tokenized, session, scoring.signal);
  return scores.map((score) => ({ ...score, loss: meanLoss(score) }));
}

function meanLoss({ logProbabilities }: TextScore): number {
  let sum = 0;
  for (const value of logProbabilities) sum -= value;
  return sum / logProbabilities.length;
}
