/**
 * Questions of evaluators (and of whoever else asks): each distinct one is answered once, together with all
 * that are drawn the same way.
 * @module
 */
import type {
  Answer,
  Prompt,
  Question,
  Sampling,
} from "../../contracts/evaluator.ts";
import type { Message } from "../../contracts/format.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { hash32 } from "../../random.ts";
import { answer, type Answering, promptIds } from "./answer.ts";

/** What is answered with: a model, and the seed of questions that name none. */
export interface Asking extends Omit<Answering, "generator"> {
  /** Null where the engine was not planned to generate. */
  readonly generator: Answering["generator"] | null;
  readonly seed: number;
  /** Most tokens of a prompt and its answer together; absent: as many as the generator was sized for. */
  readonly mostTokens?: number;
  readonly signal?: AbortSignal;
}

/** A question with every default filled in. */
interface FullQuestion {
  readonly prompt: Prompt;
  readonly turns: readonly string[];
  readonly sampling: Required<Sampling>;
}

/** A conversation that an answer belongs to: `n` of them for each question. */
interface Conversation {
  prompt: Prompt;
  readonly turns: readonly string[];
  readonly key: number;
  readonly answers: Answer[];
}

/** Equal for questions that have the same answers. */
export function questionKey(question: Question, seed: number): string {
  const { prompt, turns, sampling } = filled(question, seed);
  return JSON.stringify([prompt, turns, samplingKey(sampling), sampling.n]);
}

/**
 * For each question its answers. Which other questions are asked changes none of them: random numbers are
 * keyed by what the question says. Throws `DataError` for a prompt that leaves no room for an answer.
 */
export async function ask(
  questions: readonly Question[],
  asking: Asking,
): Promise<(readonly Answer[])[]> {
  const distinct = new Map<string, FullQuestion>();
  for (const question of questions) {
    distinct.set(
      questionKey(question, asking.seed),
      filled(question, asking.seed),
    );
  }
  const bySampling = Map.groupBy(
    distinct,
    ([, { sampling }]) => samplingKey(sampling),
  );
  const found = new Map<string, readonly Answer[]>();
  for (const group of bySampling.values()) {
    const asked = group.map(([key, question]) => ({
      key,
      conversations: conversationsOf(question),
    }));
    await answerAll(
      asked.flatMap((a) => a.conversations),
      group[0][1].sampling,
      asking,
    );
    for (const { key, conversations } of asked) {
      found.set(key, conversations.map(lastAnswer));
    }
  }
  return questions.map((q) => found.get(questionKey(q, asking.seed)) ?? []);
}

/** Tokens of a question's prompt, and most that its conversation may come to. */
export function tokensOf(
  question: Question,
  writing: Omit<Answering, "generator">,
): { readonly prompt: number; readonly total: number } {
  const { prompt, turns = [], sampling } = question;
  const asked = promptIds(prompt, writing).length;
  // a turn is as long as a prompt of its own, tags included
  const later = turns.reduce(
    (sum, content) =>
      sum + promptIds(userTurn(content), writing).length +
      sampling.maxNewTokens,
    0,
  );
  return { prompt: asked, total: asked + later + sampling.maxNewTokens };
}

async function answerAll(
  conversations: readonly Conversation[],
  sampling: Required<Sampling>,
  asking: Asking,
): Promise<void> {
  const { generator } = asking;
  if (generator === null) {
    throw new RangeError("The engine was not planned for generation");
  }
  let open = [...conversations];
  for (let turn = 0; open.length > 0; turn++) {
    const answers = await answer(open.map((c) => c.prompt), {
      ...sampling,
      keys: open.map((c) => hash32(c.key, turn)),
      mostTokens: asking.mostTokens,
      signal: asking.signal,
    }, { ...asking, generator });
    open.forEach((c, i) => {
      c.answers.push(answers[i]);
      const next = c.turns[turn];
      if (next !== undefined) c.prompt = continued(c.prompt, answers[i], next);
    });
    open = open.filter((c) => c.turns.length > turn);
  }
}

/** The conversation with an answer and what the user says next. */
function continued(prompt: Prompt, { text }: Answer, next: string): Prompt {
  if (!("messages" in prompt)) {
    throw new ConfigError(
      "A question of several turns needs `messages`: a prompt without roles has no next turn",
    );
  }
  const messages: Message[] = [
    ...prompt.messages,
    { role: "assistant", content: text },
    { role: "user", content: next },
  ];
  return { ...prompt, messages };
}

function userTurn(content: string): Prompt {
  return { messages: [{ role: "user", content }] };
}

function conversationsOf(question: FullQuestion): Conversation[] {
  const { prompt, turns, sampling } = question;
  const key = hashOf(JSON.stringify([prompt, turns]));
  return Array.from({ length: sampling.n }, (_, i) => ({
    prompt,
    turns,
    key: hash32(key, i),
    answers: [],
  }));
}

function lastAnswer({ answers }: Conversation): Answer {
  const last = answers[answers.length - 1];
  return answers.length === 1
    ? last
    : { ...last, earlier: answers.slice(0, -1).map(({ text }) => text) };
}

function filled(question: Question, seed: number): FullQuestion {
  const { prompt, turns = [], sampling } = question;
  return {
    prompt,
    turns,
    sampling: {
      temperature: 0,
      topK: null,
      topP: 1,
      repetitionPenalty: 1,
      stop: [],
      n: 1,
      seed,
      ...sampling,
    },
  };
}

/** Equal for questions that are drawn together: `n` is each question's own. */
function samplingKey(sampling: Required<Sampling>): string {
  const { maxNewTokens, temperature, topK, topP, repetitionPenalty } = sampling;
  const { stop, seed } = sampling;
  return JSON.stringify([
    maxNewTokens,
    temperature,
    topK,
    topP,
    repetitionPenalty,
    stop,
    seed,
  ]);
}

function hashOf(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = hash32(hash, text.charCodeAt(i));
  return hash;
}
