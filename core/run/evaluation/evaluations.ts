/**
 * An evaluation of a model: every distinct question is answered once, then each evaluator says what its answers
 * are worth.
 * @module
 */
import type {
  Asked,
  Evaluation,
  EvaluationRow,
} from "../../contracts/evaluator.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { callPart } from "../../config/parts/call_part.ts";
import { checkRecords, metricsOf, OWN_METRICS } from "./check_result.ts";
import type { OpenedEvaluator } from "./evaluators.ts";
import {
  addSaid,
  type Answerer,
  nothingSaid,
  openFor,
  repliesTo,
  type Said,
} from "../ask/said.ts";

/** What an evaluator gave, checked. */
export interface Evaluated {
  /** Name of the part. */
  readonly name: string;
  /** Its numbers, as a run records them: `eval_exact_match`. */
  readonly metrics: ReadonlyMap<`eval_${string}`, number>;
  /** What the evaluator made of the answers. */
  readonly result: Evaluation;
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

/** The evaluations of one model: of a run, or of a saved one. */
export class Evaluations {
  readonly #o: EvaluationsOptions;
  /** What the base said: it never changes, so it is asked once. */
  readonly said: Said;

  constructor(options: EvaluationsOptions) {
    this.#o = options;
    this.said = options.said ?? nothingSaid();
  }

  /** What all evaluators give of the model as it is now. Throws our errors, and the signal's reason. */
  async run(): Promise<Evaluated[]> {
    const { evaluators, rows, asking: { seed, signal }, base } = this.#o;
    const asked = this.#asked;
    const tuned = base === "itself" ? this.said : nothingSaid();
    await addSaid(
      tuned,
      openFor("tuned", asked, { said: tuned, seed }),
      this.#o,
    );
    const open = openFor("base", asked, { said: this.said, seed });
    if (open.length > 0) {
      if (base === null) throw this.#refusal();
      if (base === "itself") await addSaid(this.said, open, this.#o);
      else await base((answerer) => addSaid(this.said, open, answerer));
    }
    const taken = new Map<string, string>(
      OWN_METRICS.map((name) => [name, "the run itself"]),
    );
    const found: Evaluated[] = [];
    for (const evaluator of evaluators) {
      signal?.throwIfAborted();
      const { answers, scores } = repliesTo(
        evaluator.asked,
        (of) => of === "base" ? this.said : tuned,
        seed,
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

  /** All that is asked. */
  get #asked(): readonly Asked[] {
    const { evaluators, also = [] } = this.#o;
    return [...evaluators.map(({ asked }) => asked), ...also];
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
