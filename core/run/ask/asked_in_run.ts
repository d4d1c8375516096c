/**
 * Who asks the model of a run: its evaluators, and an objective that asks before each step.
 * @module
 */
import type { RunConfig } from "../../config/types.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { Engine } from "../../engine/engine.ts";
import { scoreTexts } from "../../engine/score.ts";
import type { OpenedData } from "../open/open_data.ts";
import type { OpenedModel } from "../open/opened_model.ts";
import type { RunParts } from "../open/open_run.ts";
import { StepAnswers } from "./step_answers.ts";
import { withBase } from "../evaluation/base_model.ts";
import { Evaluations } from "../evaluation/evaluations.ts";
import type { Answerer } from "./said.ts";

/** The model of a run, on the engine that trains it, and what it is asked with. */
export interface RunModel {
  readonly config: RunConfig;
  readonly engine: Engine;
  readonly model: OpenedModel;
  readonly data: OpenedData;
  readonly tokenizer: Tokenizer;
  readonly signal: AbortSignal | undefined;
}

/** The model of a run, as it is when it is asked. */
function answererOf(
  { engine, data, tokenizer, config, signal }: RunModel,
): Answerer {
  const { generator } = engine;
  const { seed } = config;
  return {
    asking: { generator, tokenizer, template: data.template, seed, signal },
    score: (texts) => scoreTexts(texts, engine.session, signal),
  };
}

/** What the objective of a run asks with; null: it does not ask. */
export function stepAnswersOf(
  { objective, describedObjective, collator }: Pick<
    RunParts,
    "objective" | "describedObjective" | "collator"
  >,
  context: RunModel,
): StepAnswers | null {
  const { config, engine, model, tokenizer } = context;
  const { ask } = objective;
  if (ask === undefined || collator === null) return null;
  const { pad, eos } = tokenizer.specialIds;
  const { seed } = config;
  return new StepAnswers({
    ask,
    described: describedObjective,
    loss: objective.loss ?? null,
    tokenizer,
    collator,
    limits: {
      maxLength: config.data.max_length,
      batchSize: config.training.batch_size,
      padId: pad ?? eos ?? 0,
      seed,
    },
    answerer: answererOf(context),
    onBase: (body) => withBase({ engine, model, seed }, body),
  });
}

/** The evaluations of a run that has evaluators. */
export function evaluationsOf(
  context: RunModel,
  { evaluators, evaluationRows: rows }: Pick<
    RunParts,
    "evaluators" | "evaluationRows"
  >,
): Evaluations | null {
  const { engine, model, config: { seed } } = context;
  if (evaluators.length === 0) return null;
  const answerer = answererOf(context);
  return new Evaluations({
    ...answerer,
    evaluators,
    rows,
    base: (body) => withBase({ engine, model, seed }, () => body(answerer)),
  });
}
