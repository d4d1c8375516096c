/**
 * An evaluation of a model: every distinct question is answered once, then each evaluator says what its answers
 * are worth.
 * @module
 */
import type {
  Answer,
  Asked,
  AskedModel,
  Evaluation,
  EvaluationRow,
  Question,
  ScoredText,
  TextScore,
} from "../../contracts/evaluator.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { callPart } from "../../config/parts/call_part.ts";
import { ask, type Asking, questionKey } from "../../engine/generate/ask.ts";
import { type TokenizedText, tokenizeText } from "../../engine/score.ts";
import { checkRecords, metricsOf, OWN_METRICS } from "./check_result.ts";
import type { OpenedEvaluator } from "./evaluators.ts";

/** What an evaluator gave, checked. */
export interface Evaluated {
  /** Name of the part. */
  readonly name: string;
  /** Its numbers, as a run records them: `eval_exact_match`. */
  readonly metrics: ReadonlyMap<`eval_${string}`, number>;
  /** What the evaluator made of the answers. */
  readonly result: Evaluation;
}

/** A model that answers. */
export interface Answerer {
  readonly asking: Asking;
  /** Scores texts, in order. */
  score(texts: readonly TokenizedText[]): Promise<readonly TextScore[]>;
}

/** What evaluations are made with. */
export interface EvaluationsOptions extends Answerer {
  readonly evaluators: readonly OpenedEvaluator[];
  readonly rows: readonly EvaluationRow[];
  /**
   * The base of the model: `itself`, or what runs `body` while the base answers; null: there is none, and an
   * evaluator that asks it is refused.
   */
  readonly base:
    | "itself"
    | (<T>(body: (base: Answerer) => Promise<T>) => Promise<T>)
    | null;
  /** What the base has said already. */
  readonly said?: Said;
  /** What is asked besides, for others that take this model as their base. */
  readonly also?: readonly Asked[];
}

/** What one model said, by the key of what it was asked. */
export interface Said {
  readonly answers: Map<string, readonly Answer[]>;
  readonly scores: Map<string, TextScore>;
}

/** The evaluations of one model: of a run, or of a saved one. */
export class Evaluations {
  readonly #o: EvaluationsOptions;
  /** What the base said: it never changes, so it is asked once. */
  readonly said: Said;

  constructor(options: EvaluationsOptions) {
    this.#o = options;
    this.said = options.said ?? { answers: new Map(), scores: new Map() };
  }

  /** What all evaluators give of the model as it is now. Throws our errors, and the signal's reason. */
  async run(): Promise<Evaluated[]> {
    const { evaluators, rows, asking: { seed, signal }, base } = this.#o;
    const tuned: Said = base === "itself"
      ? this.said
      : { answers: new Map(), scores: new Map() };
    await this.#ask(this.#o, "tuned", tuned);
    if (this.#openFor("base", this.said).length > 0) {
      if (base === null) throw this.#refusal();
      if (base === "itself") await this.#ask(this.#o, "base", this.said);
      else await base((answerer) => this.#ask(answerer, "base", this.said));
    }
    const taken = new Map<string, string>(
      OWN_METRICS.map((name) => [name, "the run itself"]),
    );
    const found: Evaluated[] = [];
    for (const evaluator of evaluators) {
      signal?.throwIfAborted();
      const { questions = [], texts = [] } = evaluator.asked;
      const saidBy = (of: AskedModel = "tuned") =>
        of === "base" ? this.said : tuned;
      const answers = questions.map((question) =>
        got(saidBy(question.of).answers, questionKey(question, seed))
      );
      const scores = texts.map((text) =>
        got(saidBy(text.of).scores, textKey(text))
      );
      const result = await callPart(
        { part: evaluator.described, method: "score", signal },
        () => evaluator.evaluator.score({ rows, answers, scores, signal }),
      );
      const metrics = metricsOf(result, evaluator, taken);
      checkRecords(result, evaluator);
      for (const name of metrics.keys()) {
        taken.set(name, `the ${evaluator.described}`);
      }
      found.push({ name: evaluator.name, metrics, result });
    }
    return found;
  }

  /** Asks a model what it has not said yet. */
  async #ask(
    { asking, score }: Answerer,
    model: AskedModel,
    said: Said,
  ): Promise<void> {
    const open = this.#openFor(model, said);
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

  /** The questions and texts for a model that are not among what it has said. */
  #openFor(model: AskedModel, said: Said): (Question | ScoredText)[] {
    const { evaluators, also = [], asking: { seed } } = this.#o;
    const all = [...evaluators.map(({ asked }) => asked), ...also];
    const questions = all.flatMap(({ questions = [] }) => questions)
      .filter((q) => !said.answers.has(questionKey(q, seed)));
    const texts = all.flatMap(({ texts = [] }) => texts)
      .filter((text) => !said.scores.has(textKey(text)));
    return [...questions, ...texts].filter(({ of = "tuned" }) => of === model);
  }

  #refusal(): ConfigError {
    const asksBase = ({ asked }: OpenedEvaluator) =>
      [...asked.questions ?? [], ...asked.texts ?? []]
        .some(({ of }) => of === "base");
    const names = this.#o.evaluators.filter(asksBase).map(({ name }) => name);
    return new ConfigError(
      `${
        names.join(" and ")
      } asks the model as it was before training too, which is not known here: name its folder with --compare`,
    );
  }
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
