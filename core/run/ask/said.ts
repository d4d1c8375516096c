/**
 * What a model said to what it was asked: every distinct question is answered once, and every distinct text scored
 * once, whoever asks.
 * @module
 */
import type {
  Answer,
  Asked,
  AskedModel,
  Question,
  ScoredText,
  TextScore,
} from "../../contracts/evaluator.ts";
import { ask, type Asking, questionKey } from "../../engine/generate/ask.ts";
import { type TokenizedText, tokenizeText } from "../../engine/score.ts";

/** A model that answers. */
export interface Answerer {
  readonly asking: Asking;
  /** Scores texts, in order. */
  score(texts: readonly TokenizedText[]): Promise<readonly TextScore[]>;
}

/** What one model said, by the key of what it was asked. */
export interface Said {
  readonly answers: Map<string, readonly Answer[]>;
  readonly scores: Map<string, TextScore>;
}

/** What a model said that was not asked yet. */
export function nothingSaid(): Said {
  return { answers: new Map(), scores: new Map() };
}

/** The questions and texts for a model that are not among what it has said. */
export function openFor(
  model: AskedModel,
  asked: readonly Asked[],
  { said, seed }: { readonly said: Said; readonly seed: number },
): (Question | ScoredText)[] {
  const questions = asked.flatMap(({ questions = [] }) => questions)
    .filter((q) => !said.answers.has(questionKey(q, seed)));
  const texts = asked.flatMap(({ texts = [] }) => texts)
    .filter((text) => !said.scores.has(textKey(text)));
  return [...questions, ...texts].filter(({ of = "tuned" }) => of === model);
}

/** Asks a model, and adds what it says. */
export async function addSaid(
  said: Said,
  open: readonly (Question | ScoredText)[],
  { asking, score }: Answerer,
): Promise<void> {
  const questions = open.flatMap((o) => "sampling" in o ? [o] : []);
  if (questions.length > 0) {
    const answers = await ask(questions, asking);
    questions.forEach((q, i) =>
      said.answers.set(questionKey(q, asking.seed), answers[i])
    );
  }
  const texts = new Map(
    open.flatMap((o) => "sampling" in o ? [] : [[textKey(o), o] as const]),
  );
  if (texts.size === 0) return;
  const scores = await score(
    [...texts.values()].map((text) => tokenizeText(text, asking)),
  );
  [...texts.keys()].forEach((key, i) => said.scores.set(key, scores[i]));
}

/** The answers and scores of what was asked, in its order. */
export function repliesTo(
  { questions = [], texts = [] }: Asked,
  saidBy: (model: AskedModel) => Said,
  seed: number,
): {
  readonly answers: readonly (readonly Answer[])[];
  readonly scores: readonly TextScore[];
} {
  return {
    answers: questions.map((question) =>
      got(saidBy(question.of ?? "tuned").answers, questionKey(question, seed))
    ),
    scores: texts.map((text) =>
      got(saidBy(text.of ?? "tuned").scores, textKey(text))
    ),
  };
}

/** Equal for texts that have the same score. */
function textKey({ text, after }: ScoredText): string {
  return JSON.stringify([text, after ?? null]);
}

function got<T>(said: ReadonlyMap<string, T>, key: string): T {
  const found = said.get(key);
  if (found === undefined) throw new RangeError("A question was not answered");
  return found;
}
