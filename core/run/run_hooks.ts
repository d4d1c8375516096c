/**
 * What a run does between steps: report, evaluate, sample, save.
 * @module
 */
import { join } from "node:path";
import type { Answer, EvaluationRow } from "../contracts/evaluator.ts";
import { isDenotuneError } from "../contracts/errors.ts";
import type { Inputs, Objective } from "../contracts/objective.ts";
import type { EvalEvent, SampleEvent } from "../contracts/tracker.ts";
import { answer, type AnswerOptions } from "../engine/generate/answer.ts";
import type { EvaluationSums } from "../engine/engine.ts";
import { sequencesOf } from "../engine/inputs/level_inputs.ts";
import { evaluationsOf, type RunModel } from "./ask/asked_in_run.ts";
import {
  type AnsweredBatch,
  inputsOf,
  type StepAnswers,
} from "./ask/step_answers.ts";
import type { Metrics } from "./best_model.ts";
import type { Evaluations } from "./evaluation/evaluations.ts";
import type { MetricName } from "./evaluation/check_result.ts";
import type { OpenedEvaluator } from "./evaluation/evaluators.ts";
import { EVALUATIONS, writeFiles, writeRecords } from "./evaluation/records.ts";
import type { OpenedData } from "./open/open_data.ts";
import { allBatches } from "./open/plan_request.ts";
import { RunSaves, type SavesContext } from "./saving/run_saves.ts";
import { PROMPTS_FILE, type RunRequests } from "./watch/requests.ts";
import type { StepReport } from "./step_report.ts";
import type { TrainerHooks } from "./trainer.ts";
import type { TrainerState } from "./trainer_state.ts";

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
    this.context.events.notice(
      `The gradient of step ${step} is not finite: its update was left out, as others will be. A lower optimizer.learning_rate, a warm-up or training.max_grad_norm would help`,
      "warning",
    );
  }

  async evaluate(state: Readonly<TrainerState>): Promise<Metrics> {
    this.#moveTo(state);
    const { engine, data } = this.context;
    const measures = data.evaluation !== null || this.#evaluations !== null;
    if (!measures && !this.#asksAt("eval")) return {};
    await engine.withAverages(async () => {
      // before anything is reported: an interrupt leaves the whole evaluation to the resumed run
      const answers = this.#asksAt("eval") ? await this.#sampleAnswers() : [];
      if (measures) await this.#evaluate(state.step);
      this.#emitSamples("eval", answers);
    });
    return this.metrics;
  }

  async #evaluate(step: number): Promise<void> {
    const { data, events, config, now } = this.context;
    const started = now();
    const loss = data.evaluation === null
      ? { eval_loss: null, eval_perplexity: null, eval_token_accuracy: null }
      : await this.#lossOf(data.evaluation);
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

  /** Average loss of the rows for evaluation, over as many draws as the objective wants. */
  async #lossOf(
    evaluation: NonNullable<OpenedData["evaluation"]>,
  ): Promise<
    & Pick<EvalEvent, "eval_loss" | "eval_perplexity" | "eval_token_accuracy">
    & Record<MetricName, number | null>
  > {
    const { engine, objective, signal, answers } = this.context;
    const { draws = 1 } = objective;
    const losses: number[] = [];
    const all: EvaluationSums[] = [];
    let weight = 0;
    const given = [...allBatches(evaluation)];
    const batches =
      await answers?.of(given, { step: 0, training: false }, signal) ??
        given.map((batch) => ({ batch, own: {} }));
    for (let draw = 0; draw < draws; draw++) {
      let own = 0;
      const sums = await engine.evaluate(
        this.#evaluationInputs(batches, draw, (n) => own += n),
        signal,
      );
      weight += own;
      all.push(sums);
      if (own > 0) losses.push(sums.lossSum / own);
    }
    const loss = losses.length > 0
      ? losses.reduce((a, b) => a + b) / losses.length
      : null;
    const measured: Record<MetricName, number | null> = {};
    for (const name of Object.keys(all[0].metrics)) {
      const metric = (of: "sum" | "weight") =>
        all.reduce((sum, { metrics }) => sum + metrics[name][of], 0);
      measured[`eval_${name}`] = metric("weight") > 0
        ? finite(metric("sum") / metric("weight"))
        : null;
    }
    if (draws > 1) {
      measured.eval_loss_error = finite(standardError(losses));
      measured.eval_draws = draws;
    }
    // e to the loss and shares of right tokens are of cross-entropy
    const isOwn = objective.loss !== undefined;
    const correct = all.reduce((sum, { correctSum }) => sum + correctSum, 0);
    return {
      ...measured,
      eval_loss: finite(loss),
      eval_perplexity: loss === null || isOwn ? null : finite(Math.exp(loss)),
      eval_token_accuracy: weight > 0 && !isOwn
        ? finite(correct / weight)
        : null,
    };
  }

  /** The rows for evaluation as the model is run on them. */
  *#evaluationInputs(
    batches: readonly AnsweredBatch[],
    draw: number,
    onDivisor: (divisor: number) => void,
  ): Generator<Inputs> {
    const { events, objective, config } = this.context;
    const { draws = 1 } = objective;
    let done = draw * batches.length;
    let firstSequence = 0;
    for (const given of batches) {
      const { batch } = given;
      const sequences = sequencesOf(batch);
      const inputs = inputsOf(objective, given, {
        seed: config.seed,
        step: 0,
        firstRow: batch.firstRow,
        firstSequence,
        sequences,
        draw,
        training: false,
      });
      firstSequence += sequences;
      onDivisor(inputs.divisor);
      events.emit({
        event: "progress",
        task: "evaluating",
        done: done++,
        total: draws * batches.length,
      });
      yield inputs;
    }
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

/** Standard error of the mean of some numbers; null of fewer than two. */
function standardError(values: readonly number[]): number | null {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((a, b) => a + b) / n;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return Math.sqrt(squares / (n - 1) / n);
}
