/**
 * The evaluators of a run: made, and asked what they ask, before the device wakes.
 * @module
 */
import type {
  Asked,
  EvaluationRow,
  Evaluator,
  Wording,
} from "../../contracts/evaluator.ts";
import type { Decoding } from "../../contracts/objective.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { callPart } from "../../config/parts/call_part.ts";
import {
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { show } from "../../config/parse/problem.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { describePart } from "../../config/schema/options_schema.ts";
import { ConfigError, PluginError } from "../../contracts/errors.ts";
import type { ResultOf } from "./check_result.ts";

/** An evaluator and what it asks. */
export interface OpenedEvaluator extends ResultOf {
  readonly evaluator: Evaluator;
  readonly asked: Asked;
}

/** What evaluators ask about, and what the model can do. */
export interface EvaluatorsOptions {
  readonly rows: readonly EvaluationRow[];
  readonly wording: Wording;
  /** How the model writes; null: it does not. */
  readonly decoding: Decoding;
  /** Whether its tokens see only earlier ones. */
  readonly causal: boolean;
}

/** Makes the evaluators of a run. Throws our errors: also for questions that the model cannot answer. */
export async function openEvaluators(
  run: LoadedRun,
  creating: Creating,
  { rows, wording, decoding, causal }: EvaluatorsOptions,
): Promise<OpenedEvaluator[]> {
  const opened: OpenedEvaluator[] = [];
  for (const i of run.config.evaluators.keys()) {
    const chosen = chosenAt(run, "evaluator", `evaluators.${i}`);
    if (chosen === null) continue;
    const evaluator = await createResolved(chosen, creating);
    const who = { name: chosen.part.name, described: describePart(chosen) };
    const asked = await callPart(
      { part: who.described, method: "asks" },
      () => evaluator.asks(rows, wording),
    );
    checkAsked(asked, who);
    if (decoding === null && (asked.questions ?? []).length > 0) {
      throw new ConfigError(
        `The evaluator ${who.name} asks for answers, which a model trained with this objective does not write; remove it from \`evaluators\`, or choose one that scores texts`,
      );
    }
    if (!causal && (asked.texts ?? []).length > 0) {
      throw new ConfigError(
        `The evaluator ${who.name} scores texts token by token, which a model that sees later tokens cannot do; remove it from \`evaluators\``,
      );
    }
    opened.push({ ...who, evaluator, asked });
  }
  return opened;
}

/** Throws `PluginError` for questions or texts that have another shape than the contract's. */
export function checkAsked(
  asked: unknown,
  { described }: Pick<ResultOf, "described">,
): void {
  const fail = (what: string): never => {
    throw new PluginError(`\`asks\` of the ${described} gave ${what}`);
  };
  if (!isPlainObject(asked)) {
    return fail(`${show(asked)}; expected {questions?, texts?}`);
  }
  const texts = asked.texts ?? [];
  if (!Array.isArray(texts)) {
    return fail(`${show(texts)} as texts; expected a list`);
  }
  texts.forEach((text: unknown, i) => {
    if (!isPlainObject(text) || typeof text.text !== "string") {
      fail(`${show(text)} as text ${i}; expected {text, after?}`);
    }
  });
  const questions = asked.questions ?? [];
  if (!Array.isArray(questions)) {
    return fail(`${show(questions)} as questions; expected a list`);
  }
  questions.forEach((question: unknown, i) => {
    const sampling =
      isPlainObject(question) && isPlainObject(question.prompt) &&
        isPlainObject(question.sampling)
        ? question.sampling
        : fail(
          `${show(question)} as question ${i}; expected {prompt, sampling}`,
        );
    for (const name of ["maxNewTokens", "n"]) {
      const value = sampling[name];
      if (name === "n" && value === undefined) continue;
      if (!Number.isInteger(value) || Number(value) < 1) {
        fail(
          `question ${i} with sampling.${name} ${
            show(value)
          }; expected a whole number of at least 1`,
        );
      }
    }
  });
}
