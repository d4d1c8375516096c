/**
 * An evaluation of a run: every distinct question is answered once, then each evaluator says what its answers
 * are worth.
 * @module
 */
import type {
  Answer,
  Evaluation,
  EvaluationRow,
  Question,
} from "../../contracts/evaluator.ts";
import { callPart } from "../../config/parts/call_part.ts";
import {
  ask,
  type Asking,
  questionKey,
  questionsTo,
} from "../../engine/generate/ask.ts";
import {
  checkRecords,
  type MetricName,
  metricsOf,
  OWN_METRICS,
} from "./check_result.ts";
import type { OpenedEvaluator } from "./evaluators.ts";

/** What an evaluator gave, checked. */
export interface Evaluated {
  /** Name of the part. */
  readonly name: string;
  readonly metrics: ReadonlyMap<MetricName, number>;
  readonly result: Evaluation;
}

/** What evaluations are made with. */
export interface EvaluationsOptions {
  readonly evaluators: readonly OpenedEvaluator[];
  readonly rows: readonly EvaluationRow[];
  readonly asking: Asking;
  /** Runs `body` while the engine holds the base. */
  onBase<T>(body: () => Promise<T>): Promise<T>;
}

/** The evaluations of one run. */
export class Evaluations {
  readonly #o: EvaluationsOptions;
  /** Answers of the base by the key of their question: it never changes, so it is asked once. */
  readonly #ofBase = new Map<string, readonly Answer[]>();

  constructor(options: EvaluationsOptions) {
    this.#o = options;
  }

  /** What all evaluators give of the model as it is now. Throws our errors, and the signal's reason. */
  async run(): Promise<Evaluated[]> {
    const { evaluators, rows, asking } = this.#o;
    const { seed, signal } = asking;
    const questions = evaluators.flatMap(({ asked }) => asked.questions ?? []);
    const tuned = await this.#answersBy(questionsTo("tuned", questions));
    await this.#askBase(questionsTo("base", questions));
    const taken = new Map<string, string>(
      OWN_METRICS.map((name) => [name, "the run itself"]),
    );
    const found: Evaluated[] = [];
    for (const evaluator of evaluators) {
      signal?.throwIfAborted();
      const answers = (evaluator.asked.questions ?? []).map((question) => {
        const from = question.of === "base" ? this.#ofBase : tuned;
        return from.get(questionKey(question, seed)) ?? [];
      });
      const result = await callPart(
        { part: evaluator.described, method: "score", signal },
        () => evaluator.evaluator.score({ rows, answers, signal }),
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

  async #askBase(questions: readonly Question[]): Promise<void> {
    const { seed } = this.#o.asking;
    const open = questions.filter((q) =>
      !this.#ofBase.has(questionKey(q, seed))
    );
    if (open.length === 0) return;
    const answers = await this.#o.onBase(() => this.#answersBy(open));
    for (const [key, given] of answers) this.#ofBase.set(key, given);
  }

  async #answersBy(
    questions: readonly Question[],
  ): Promise<Map<string, readonly Answer[]>> {
    const { asking } = this.#o;
    const answers = questions.length === 0 ? [] : await ask(questions, asking);
    return new Map(
      questions.map((q, i) => [questionKey(q, asking.seed), answers[i]]),
    );
  }
}
