/**
 * What a run does between steps: report, evaluate, sample, save.
 * @module
 */
import { join } from "node:path";
import type { Answer, EvaluationRow } from "../contracts/evaluator.ts";
import { isDenotuneError } from "../contracts/errors.ts";
import type { Objective } from "../contracts/objective.ts";
import type { SampleEvent } from "../contracts/tracker.ts";
import { answer, type AnswerOptions } from "../engine/generate/answer.ts";
import { evaluationsOf, type RunModel } from "./ask/asked_in_run.ts";
import type { StepAnswers } from "./ask/step_answers.ts";
import type { Metrics } from "./loop/best_model.ts";
import type { Evaluations } from "./evaluation/evaluations.ts";
import type { MetricName } from "./evaluation/check_result.ts";
import {
  type EvaluationDraw,
  evaluationDraws,
  lossMetrics,
} from "./evaluation/evaluation_loss.ts";
import type { OpenedEvaluator } from "./evaluation/evaluators.ts";
import { EVALUATIONS, writeFiles, writeRecords } from "./evaluation/records.ts";
import { allBatches } from "./open/plan_request.ts";
import { RunSaves, type SavesContext } from "./saving/run_saves.ts";
import { PROMPTS_FILE, type RunRequests } from "./watch/requests.ts";
import type { StepReport } from "./loop/step_report.ts";
import type { TrainerHooks } from "./loop/trainer_request.ts";
import type { TrainerState } from "./loop/trainer_state.ts";

/** What the hooks work on. */
export interface HooksContext extends RunModel, SavesContext {
  readonly evaluators: readonly OpenedEvaluator[];
  /** The rows that evaluators were asked about. */
  readonly evaluationRows: readonly EvaluationRow[];
  readonly objective: Objective;
  /** Asks before a batch is evaluated; null: the objective does not. */
  readonly answers: StepAnswers | null;
  /** What people ask of the run while it trains; null: this rank is not asked. */
  readonly requests: RunRequests | null;
  readonly now: () => number;
}

/** A loss that ranks have measured together. */
export interface MeasuredLoss {
  readonly draws: readonly EvaluationDraw[];
  readonly seconds: number;
}

/** A prompt and what the model made of it. */
interface SampleAnswer {
  readonly prompt: string;
  readonly answer: Answer;
}

/** The hooks of one run. */
export class RunHooks implements TrainerHooks {
  readonly context: HooksContext;
  /** What the run has written. */
  readonly saves: RunSaves;
  /** Numbers of the last evaluation. */
  metrics: Metrics = {};
  readonly #evaluations: Evaluations | null;
  #explainedSkip = false;

  constructor(context: HooksContext) {
    this.context = context;
    this.saves = new RunSaves(context);
    this.#evaluations = evaluationsOf(context, context);
  }

  onStep(state: Readonly<TrainerState>, report: StepReport): void {
    const { events, data } = this.context;
    this.#moveTo(state);
    const { source_losses, padded_tokens, tokens_per_second, ...rest } = report;
    const read = padded_tokens + state.window.realTokens;
    events.emit({
      event: "step",
      ...rest,
      loss: finite(rest.loss),
      token_accuracy: finite(rest.token_accuracy),
      grad_norm: finite(rest.grad_norm),
      tokens_per_second,
      padded_share: read > 0 ? padded_tokens / read : 0,
      ...(source_losses.length > 1
        ? {
          source_losses: Object.fromEntries(
            data.feed.sourceNames.map((
              name,
              s,
            ) => [name, source_losses[s] ?? null]),
          ),
        }
        : {}),
    });
  }

  onEpoch(state: Readonly<TrainerState>, epochLoss: number | null): void {
    const { events } = this.context;
    this.#moveTo(state);
    events.emit({
      event: "epoch",
      epoch_loss: finite(epochLoss),
      trained_tokens: state.epochTrainedTokens,
      seconds: state.epochSeconds ?? 0,
    });
  }

  onSkipped(state: Readonly<TrainerState>, step: number): void {
    if (this.#explainedSkip) return; // each is counted; one is explained
    this.#explainedSkip = true;
    this.#moveTo(state);
    if (state.lossScale !== undefined) {
      this.context.events.notice(
        `The gradient of step ${step} is not finite in float16: its update was left out and the loss scale lowered to ${state.lossScale.scale}, as is usual in the first steps`,
      );
      return;
    }
    this.context.events.notice(
      `The gradient of step ${step} is not finite: its update was left out, as others will be. A lower optimizer.learning_rate, a warm-up or training.max_grad_norm would help`,
      "warning",
    );
  }

  /** `measured`: the loss that all ranks have measured together, and how long that took; absent: to be measured. */
  async evaluate(
    state: Readonly<TrainerState>,
    measured: MeasuredLoss | null = null,
  ): Promise<Metrics> {
    this.#moveTo(state);
    const { engine, data } = this.context;
    const measures = data.evaluation !== null || this.#evaluations !== null;
    if (!measures && !this.#asksAt("eval")) return {};
    await engine.withAverages(async () => {
      // before anything is reported: an interrupt leaves the whole evaluation to the resumed run
      const answers = this.#asksAt("eval") ? await this.#sampleAnswers() : [];
      if (measures) await this.#evaluate(state.step, measured);
      this.#emitSamples("eval", answers);
    });
    return this.metrics;
  }

  async #evaluate(step: number, measured: MeasuredLoss | null): Promise<void> {
    const { events, config, now, objective } = this.context;
    const started = now() - (measured?.seconds ?? 0);
    const draws = measured?.draws ?? await this.draws({ rank: 0, world: 1 });
    const loss = draws === null
      ? { eval_loss: null, eval_perplexity: null, eval_token_accuracy: null }
      : lossMetrics(draws, objective);
    const numbers: Record<MetricName, number> = {};
    const given = await this.#evaluations?.run() ?? [];
    for (const { metrics } of given) {
      Object.assign(numbers, Object.fromEntries(metrics));
    }
    const event = {
      event: "eval" as const,
      ...loss,
      eval_seconds: now() - started,
      ...numbers,
    };
    events.emit(event);
    for (const { name, result } of given) {
      const { records = [], verdict = null, files = {} } = result;
      const folder = join(config.output_dir, EVALUATIONS);
      writeFiles(folder, { name: `${name}-${step}`, files });
      if (records.length === 0 && verdict === null) continue;
      const path = records.length === 0
        ? null
        : writeRecords(folder, { name: `${name}-${step}`, records });
      events.emit({ event: "result", evaluator: name, records, path, verdict });
    }
    const { event: _, ...metrics } = event;
    this.metrics = metrics;
  }

  /**
   * The loss of the rows for evaluation: this process's share of the batches. Null where there are none. What ranks
   * do together, before `evaluate`.
   */
  async draws(
    share: { readonly rank: number; readonly world: number },
  ): Promise<EvaluationDraw[] | null> {
    const { engine, objective, signal, answers, data, events, config } =
      this.context;
    if (data.evaluation === null) return null;
    const given = [...allBatches(data.evaluation)];
    const batches =
      await answers?.of(given, { step: 0, training: false }, signal) ??
        given.map((batch) => ({ batch, own: {} }));
    return await evaluationDraws({
      engine,
      objective,
      batches,
      seed: config.seed,
      share,
      signal,
      onProgress: (done, total) =>
        events.emit({ event: "progress", task: "evaluating", done, total }),
    });
  }

  /** Answers the prompts of samples. */
  async samples(at: "start" | "end"): Promise<void> {
    if (this.#asksAt(at)) await this.#sample(at);
  }

  takeAsked(): boolean {
    return this.context.engine.generator !== null &&
      this.context.requests?.takeAsked() === true;
  }

  async answerAsked(state: Readonly<TrainerState>): Promise<void> {
    this.#moveTo(state);
    await this.#sample("request");
  }

  async #sample(at: SampleEvent["at"]): Promise<void> {
    const { engine } = this.context;
    const answers = await engine.withAverages(() => this.#sampleAnswers());
    this.#emitSamples(at, answers);
  }

  #asksAt(at: "start" | "eval" | "end"): boolean {
    const { config: { samples }, engine } = this.context;
    return samples.at.includes(at) && engine.generator !== null &&
      this.#prompts().length > 0;
  }

  /** Those that were asked for while the run trains, else those of the config. */
  #prompts(): readonly string[] {
    const { config, requests } = this.context;
    return requests?.prompts() ?? config.samples.prompts;
  }

  async #sampleAnswers(): Promise<readonly SampleAnswer[]> {
    const { config, data, events } = this.context;
    const prompts = this.#prompts();
    const options = {
      maxNewTokens: config.generation.max_new_tokens,
      temperature: config.generation.temperature,
      topP: config.generation.top_p,
      stop: config.generation.stop,
      seed: config.seed,
    };
    try {
      const answers = await this.#answer(prompts.map(data.asRequest), options);
      return answers.map((answer, i) => ({ prompt: prompts[i], answer }));
    } catch (error) {
      // prompts that come while a run trains must not end it
      if (prompts === config.samples.prompts || !isDenotuneError(error)) {
        throw error;
      }
      events.notice(
        `The prompts of ${PROMPTS_FILE} are not answered: ${error.message}`,
        "warning",
      );
      return [];
    }
  }

  #emitSamples(
    at: SampleEvent["at"],
    answers: readonly SampleAnswer[],
  ): void {
    answers.forEach(({ prompt, answer: { text, finish } }, index) =>
      this.context.events.emit({
        event: "sample",
        at,
        index,
        prompt,
        text,
        finish,
      })
    );
  }

  async save(state: Readonly<TrainerState>): Promise<void> {
    this.#moveTo(state);
    await this.saves.checkpoint(state);
  }

  async #answer(prompts: Parameters<typeof answer>[0], options: AnswerOptions) {
    const { engine, tokenizer, data, signal } = this.context;
    if (engine.generator === null) {
      throw new RangeError("The engine was not planned for generation");
    }
    return await answer(prompts, { ...options, signal }, {
      generator: engine.generator,
      tokenizer,
      template: data.template,
    });
  }

  #moveTo(state: Readonly<TrainerState>): void {
    const { events, data } = this.context;
    const steps = data.feed.stepsInEpoch(state.epoch);
    events.moveTo({
      step: state.step,
      // a stream does not know how long its epoch is
      epoch: state.epoch + (steps === null ? 0 : state.stepInEpoch / steps),
    });
  }
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
