/**
 * The examples that an objective trains on: those of the data, or what it makes of answers. The answers are random
 * tokens, so no model is needed.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Answer,
  type AskedExample,
  type MadeExample,
  type Objective,
  type Random,
  randomFrom,
  type TextScore,
  type WeightedExample,
} from "@denotune/denotune/core";

const KEY = { step: 5, training: true };

/** Examples of the data as an objective is asked about them. */
function askedExamples(examples: readonly WeightedExample[]): AskedExample[] {
  return examples.map(({ row: _, ...example }) => {
    const { ids, weights } = example;
    const first = weights.findIndex((weight) => weight !== 0);
    return {
      ...example,
      prompt: [...ids.subarray(0, first)],
      promptText: textOf(ids.subarray(0, first)),
      expected: textOf(ids.subarray(first)),
    };
  });
}

/** What the objective trains on where the data give these examples; it gives the same each time. */
export async function trainedExamples(
  { ask }: Objective,
  examples: readonly WeightedExample[],
  vocabulary: number,
): Promise<readonly MadeExample[]> {
  if (ask === undefined) return examples;
  const given = askedExamples(examples);
  const asked = await ask.asks(given, KEY);
  assert.deepEqual(await ask.asks(given, KEY), asked, "asks something else");
  const { questions = [], texts = [] } = asked;
  if (texts.length > 0) {
    assert.equal(ask.scores, true, "asks for texts to be scored unannounced");
  }
  const random = randomFrom(19, vocabulary);
  const answered = {
    ...KEY,
    examples: given,
    answers: questions.map(({ sampling: { n = 1 } }) =>
      Array.from({ length: n }, () => answerOf(random, vocabulary))
    ),
    scores: texts.map(() => scoreOf(random, vocabulary)),
  };
  const made = await ask.make(answered);
  assert.deepEqual(await ask.make(answered), made, "makes something else");
  return made;
}

function idsOf(random: Random, vocabulary: number): number[] {
  return Array.from(
    { length: 3 + random.below(4) },
    () => 1 + random.below(vocabulary - 1),
  );
}

function answerOf(random: Random, vocabulary: number): Answer {
  const ids = idsOf(random, vocabulary);
  return { text: textOf(ids), finish: "stop", promptTokens: 2, ids };
}

function scoreOf(random: Random, vocabulary: number): TextScore {
  const ids = idsOf(random, vocabulary);
  const numbers = () => Float32Array.from(ids.slice(1), () => random.next());
  return {
    ids,
    from: 1,
    logProbabilities: numbers().map((v) => -v),
    entropies: numbers(),
  };
}

/** A letter for each token. */
function textOf(ids: ArrayLike<number>): string {
  return Array.from(ids, (id) => String.fromCharCode(96 + id)).join("");
}
