/**
 * The loop of training: steps, and what happens in between (logging, evaluation, checkpoints).
 * @module
 */
import type { Inputs } from "../../contracts/objective.ts";
import type { TrainingStep } from "../../data/training_data.ts";
import type { Every } from "../../config/types.ts";
import type { StepResult } from "../../engine/update/step_ring.ts";
import { firstNotFinite } from "../../engine/not_finite.ts";
import {
  freshLossScale,
  nextLossScale,
} from "../../engine/update/loss_scaler.ts";
import { makeThrottle, type Throttle } from "./throttle.ts";
import {
  addEvaluation,
  choosesBest,
  isPatienceSpent,
  type Metrics,
  noSuchMetric,
} from "./best_model.ts";
import type { AnsweredBatch } from "../ask/step_answers.ts";
import {
  addResult,
  type PendingStep,
  pendingStep,
  stepReport,
} from "./step_report.ts";
import { divergedError } from "./diverged.ts";
import { type LastMicro, microBatches, runStep } from "./train_step.ts";
import type { TrainerRequest } from "./trainer_request.ts";
import { emptySums, type TrainerState } from "./trainer_state.ts";

/** Trains to the end, or until the signal. */
export async function runTraining(
  request: TrainerRequest,
): Promise<"done" | "interrupted"> {
  const loop = new Loop(request);
  return await loop.run();
}

class Loop {
  readonly #r: TrainerRequest;
  readonly #state: TrainerState;
  #pending: PendingStep[] = [];
  /** Seconds since the last logged step that were no training. */
  #paused = 0;
  #loggedAt: number;
  #secondsPerStep = 0;
  #savedAt = -1;
  /** When the seconds of the epoch were last added up. */
  #epochMark: number;
  #skippedInRow = 0;
  /** The micro-batches of the last step, to look for what is not finite in them. */
  #lastMicro: readonly Inputs[] = [];
  readonly #throttle: Throttle;

  constructor(request: TrainerRequest) {
    this.#r = request;
    this.#throttle = makeThrottle(
      () => request.engine.session.idle(),
      request.now,
    );
    this.#state = request.state;
    if (request.settings.scalesLoss === true) {
      this.#state.lossScale ??= freshLossScale();
    }
    this.#loggedAt = request.now();
    this.#epochMark = request.now();
  }

  async run(): Promise<"done" | "interrupted"> {
    const { settings, signal, now } = this.#r;
    const most = settings.mostEpochs ?? Infinity;
    const state = this.#state;
    if (settings.eval_on_start && state.step === 0) state.evaluationDue = true;
    if (!await this.#evaluateIfDue()) return await this.#interrupt();
    this.#paused = 0;
    this.#loggedAt = now();
    while (state.step < settings.totalSteps && state.epoch < most) {
      if (isPatienceSpent(state.bestSoFar, settings.best)) {
        await this.#collect(true);
        if (state.stepInEpoch > 0) this.#closeEpoch(false);
        break;
      }
      if (signal?.aborted) return await this.#interrupt();
      const next = await this.#next();
      if (next === null) return await this.#interrupt();
      const epochEnds = next.endsEpoch;
      const batches = await this.#answered(next);
      if (batches === null) return await this.#interrupt();
      await this.#step(batches);
      await this.#throttle.step();
      await this.#r.profile?.step();
      state.step++;
      state.stepInEpoch++;
      const last = state.step === settings.totalSteps ||
        (epochEnds && state.epoch + 1 >= most);
      if (
        state.step % settings.logging_steps === 0 || last || epochEnds ||
        this.#pending.length >= 128 ||
        // the next step's scale depends on this one
        state.lossScale !== undefined
      ) {
        await this.#collect(state.step % settings.logging_steps === 0 || last);
      }
      if (epochEnds || last) this.#closeEpoch(epochEnds);
      const due = (every: Every) =>
        every !== null &&
        (every === "epoch" ? epochEnds : state.step % every === 0);
      state.evaluationDue = due(settings.eval_steps) || last;
      if (!await this.#evaluateIfDue()) return await this.#interrupt();
      if (!await this.#answerIfAsked()) return await this.#interrupt();
      if (due(settings.save_steps) && !last) await this.#save();
    }
    await this.#collect(false);
    await this.#r.profile?.take();
    return "done";
  }

  /** What is trained next; null where the signal came first. */
  async #next(): Promise<TrainingStep | null> {
    const { data, signal } = this.#r;
    const { epoch, stepInEpoch } = this.#state;
    try {
      return await data.step(epoch, stepInEpoch);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return null;
      // what was learned so far is kept: the row can be mended, and the run resumed
      if (this.#state.step > 0) {
        await this.#collect(false);
        await this.#save({ failed: true });
      }
      throw error;
    }
  }

  /** The batches that a step trains on, after the objective has asked; null where the signal came first. */
  async #answered(
    { batches }: TrainingStep,
  ): Promise<readonly AnsweredBatch[] | null> {
    const { answers = null, data, signal } = this.#r;
    if (answers === null) return batches.map((batch) => ({ batch, own: {} }));
    // a stream has given the step away: it is finished, or the resumed run would miss it
    const heard = data.position() === null ? signal : undefined;
    const key = { step: this.#state.step, training: true };
    try {
      return await answers.of(batches, key, heard);
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return null;
      throw error;
    }
  }

  async #step(answered: readonly AnsweredBatch[]): Promise<void> {
    const { objective, settings: { seed, sources } } = this.#r;
    const { step } = this.#state;
    const micro = microBatches(objective, answered, { seed, step });
    this.#lastMicro = micro;
    const divisor = await runStep(
      this.#r,
      micro,
      {
        learningRate: this.#learningRate(step),
        step: this.#updates(step) + 1,
        lossScale: this.#state.lossScale?.scale,
      },
      this.#lastMicroOf(answered),
    );
    const batches = answered.map(({ batch }) => batch);
    this.#pending.push(pendingStep({ batches, micro, divisor, sources }));
  }

  /** Shows the batch of a step that will be logged, now and then. */
  #lastMicroOf(answered: readonly AnsweredBatch[]): LastMicro | null {
    const { batchView = null, engine, settings, collective } = this.#r;
    const { step, epoch, stepInEpoch } = this.#state;
    if (
      batchView === null || collective.rank !== 0 ||
      (step + 1) % settings.logging_steps !== 0 || !batchView.isDue()
    ) return null;
    return async (inputs, index) =>
      await batchView.write({
        step: step + 1,
        epoch,
        stepInEpoch,
        index,
        count: answered.length,
        batch: answered[index].batch,
        inputs,
        losses: await engine.rowLosses(inputs),
      });
  }

  /** Reads the results of the steps enqueued since the last time; waits for them. */
  async #collect(log: boolean): Promise<void> {
    const { engine, objective, settings, now, hooks } = this.#r;
    const state = this.#state;
    await this.#throttle.check();
    if (this.#pending.length > 0) {
      const results = await engine.results(this.#pending.length);
      const first = state.step - results.length + 1;
      results.forEach((result, i) =>
        this.#add(result, this.#pending[i], first + i)
      );
      this.#pending = [];
      const most = settings.max_skipped_updates;
      if (most !== null && this.#skippedInRow >= most) {
        throw divergedError({
          found: await firstNotFinite(engine, this.#lastMicro),
          skipped: this.#skippedInRow,
          scale: state.lossScale?.scale,
        });
      }
    }
    if (!log || state.window.steps === 0) return;
    const seconds = Math.max(
      1e-9,
      now() - this.#loggedAt - this.#paused,
    );
    const perStep = seconds / Math.max(1, state.window.steps);
    this.#secondsPerStep = this.#secondsPerStep === 0
      ? perStep
      : 0.7 * this.#secondsPerStep + 0.3 * perStep;
    hooks.onStep(
      state,
      stepReport(state, {
        seconds,
        secondsLeft: this.#secondsPerStep * (settings.totalSteps - state.step),
        learningRate: this.#learningRate(state.step - 1),
        hasAccuracy: objective.loss === undefined,
        hasMetrics: engine.planned.metrics.length > 0,
      }),
    );
    state.window = emptySums();
    this.#paused = 0;
    this.#loggedAt = now();
  }

  #add(result: StepResult, pending: PendingStep, step: number): void {
    const state = this.#state;
    addResult(state, result, pending);
    if (state.lossScale !== undefined) {
      state.lossScale = nextLossScale(state.lossScale, result.finite);
    }
    if (result.finite) this.#skippedInRow = 0;
    else {
      this.#skippedInRow++;
      this.#r.hooks.onSkipped(this.#state, step);
    }
  }

  /**
   * Updates before a step, counted from 0. Where the loss is scaled, steps that were left out are no updates: the first
   * scales are expected to be too large, and neither warm-up nor the optimizer's bias correction may pass meanwhile.
   */
  #updates(step: number): number {
    const { lossScale, skippedUpdates } = this.#state;
    return lossScale === undefined ? step : Math.max(0, step - skippedUpdates);
  }

  /** The learning rate of a step, counted from 0. */
  #learningRate(step: number): number {
    const { optimizer, schedule, settings: { totalSteps } } = this.#r;
    return optimizer.learningRate * schedule.factor(this.#updates(step), {
      totalSteps,
      ...(schedule.metric === undefined
        ? {}
        : { evaluations: this.#state.measured ?? [] }),
    });
  }

  /** Adds the seconds since the last time to the epoch's. */
  #addSeconds(): void {
    const now = this.#r.now();
    this.#state.epochSeconds = (this.#state.epochSeconds ?? 0) + now -
      this.#epochMark;
    this.#epochMark = now;
  }

  #closeEpoch(complete: boolean): void {
    const state = this.#state;
    this.#addSeconds();
    this.#r.hooks.onEpoch(
      state,
      state.epochWeight > 0 ? state.epochLossSum / state.epochWeight : null,
    );
    if (!complete) return;
    state.epoch++;
    state.stepInEpoch = 0;
    state.epochLossSum = 0;
    state.epochWeight = 0;
    state.epochTrainedTokens = 0;
    state.epochSeconds = 0;
  }

  /** Evaluates where it is due; false where the signal ended it. */
  async #evaluateIfDue(): Promise<boolean> {
    const { hooks } = this.#r;
    const state = this.#state;
    if (!state.evaluationDue) return true;
    let metrics: Metrics = {};
    const isDone = await this.#unlessStopped(async () => {
      metrics = await hooks.evaluate(state);
    });
    if (!isDone) return false;
    state.evaluationDue = false;
    // a model that is not trained yet is no choice
    if (state.step > 0) {
      this.#measure(metrics);
      await this.#compare(metrics);
    }
    return true;
  }

  /** Answers what was asked meanwhile; false where the signal ended it. */
  async #answerIfAsked(): Promise<boolean> {
    const { hooks } = this.#r;
    if (hooks.takeAsked?.() !== true) return true;
    return await this.#unlessStopped(async () =>
      await hooks.answerAsked?.(this.#state)
    );
  }

  /** Pauses the training for `body`; false where the signal ended it. */
  async #unlessStopped(body: () => Promise<void>): Promise<boolean> {
    const { signal } = this.#r;
    try {
      await this.#pause(body);
      return true;
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return false;
      throw error;
    }
  }

  /** Keeps what the schedule depends on. */
  #measure(metrics: Metrics): void {
    const { schedule: { metric } } = this.#r;
    if (metric === undefined) return;
    if (!Object.hasOwn(metrics, metric)) {
      throw noSuchMetric("schedule.metric", metric, metrics);
    }
    const value = metrics[metric] ?? NaN;
    const { step } = this.#state;
    (this.#state.measured ??= []).push({ step, value });
  }

  /** Compares an evaluation with the best before it, and saves a new best. */
  async #compare(metrics: Metrics): Promise<void> {
    const { best } = this.#r.settings;
    const state = this.#state;
    if (!choosesBest(best)) return;
    state.bestSoFar ??= { best: null, withoutGain: 0 };
    const isBest = addEvaluation(
      state.bestSoFar,
      { step: state.step, metrics },
      best,
    );
    if (isBest && best.load_best_model_at_end) await this.#save();
  }

  /** Runs something that is no training; its time does not count in tokens per second. */
  async #pause(body: () => Promise<void>): Promise<void> {
    await this.#collect(false);
    await this.#r.profile?.take();
    const start = this.#r.now();
    await body();
    await this.#r.profile?.drop();
    this.#paused += this.#r.now() - start;
  }

  async #save(options: { readonly failed?: boolean } = {}): Promise<void> {
    if (this.#savedAt === this.#state.step) return;
    this.#addSeconds();
    await this.#pause(() => this.#r.hooks.save(this.#state, options));
    this.#savedAt = this.#state.step;
  }

  async #interrupt(): Promise<"interrupted"> {
    await this.#collect(false);
    await this.#save();
    return "interrupted";
  }
}
