/**
 * What ranks do between steps: all measure the loss of the rows for evaluation; rank 0 asks, answers and saves; the
 * others get its numbers and go on with the next step, where they wait for it.
 * @module
 */
import { gatherStates } from "../../engine/ranks/optimizer_shards.ts";
import type { Metrics } from "../loop/best_model.ts";
import { checkpointPath } from "../saving/checkpoint.ts";
import { addDraws } from "../evaluation/evaluation_loss.ts";
import type { MeasuredLoss, RunHooks } from "../run_hooks.ts";
import type { StepReport } from "../loop/step_report.ts";
import type { TrainerHooks } from "../loop/trainer_request.ts";
import type { TrainerState } from "../loop/trainer_state.ts";
import type { AgreedStop } from "./agreed_stop.ts";
import type { Ranks } from "./ranks.ts";

/** The hooks of one of several ranks. */
export class RankHooks implements TrainerHooks {
  readonly #hooks: RunHooks;
  readonly #ranks: Ranks;
  readonly #stop: AgreedStop;

  constructor(hooks: RunHooks, of: { ranks: Ranks; stop: AgreedStop }) {
    this.#hooks = hooks;
    this.#ranks = of.ranks;
    this.#stop = of.stop;
  }

  onStep(state: Readonly<TrainerState>, report: StepReport): void {
    this.#hooks.onStep(state, report);
  }

  onEpoch(state: Readonly<TrainerState>, epochLoss: number | null): void {
    this.#hooks.onEpoch(state, epochLoss);
  }

  onSkipped(state: Readonly<TrainerState>, step: number): void {
    this.#hooks.onSkipped(state, step);
  }

  /** The loss by all ranks; questions and samples are rank 0's. */
  async evaluate(state: Readonly<TrainerState>): Promise<Metrics> {
    const hooks = this.#hooks;
    const measured = await this.#measureLoss();
    const { metrics, isStopped } = await this.#ranks.fromFirst(async () => {
      const metrics = await this.#unlessStopped(() =>
        hooks.evaluate(state, measured)
      );
      return { metrics: metrics ?? {}, isStopped: metrics === null };
    });
    if (isStopped) this.#endEvaluation();
    hooks.metrics = metrics;
    return metrics;
  }

  /** The loss of the rows for evaluation, shared out; null where there are none. */
  async #measureLoss(): Promise<MeasuredLoss | null> {
    const { engine, data, now } = this.#hooks.context;
    const { collective } = this.#ranks;
    if (data.evaluation === null) return null;
    const started = now();
    const own = await engine.withAverages(() =>
      this.#unlessStopped(() => this.#hooks.draws(collective))
    );
    // an interrupt comes to ranks at different moments: none goes on where one has stopped
    const stopped = Float32Array.of(own === null ? 1 : 0);
    await collective.sum(stopped);
    if (own === null || stopped[0] > 0) return this.#endEvaluation();
    return {
      draws: await addDraws(own, collective),
      seconds: now() - started,
    };
  }

  #endEvaluation(): never {
    this.#stop.agree();
    throw this.#stop.signal.reason;
  }

  /** A rank that fails saves alone, if it can: nothing that joins ranks may be called. */
  async save(
    state: Readonly<TrainerState>,
    { failed = false }: { readonly failed?: boolean } = {},
  ): Promise<void> {
    const { saves, context } = this.#hooks;
    const { engine } = context;
    if (engine.isSharded && failed) return; // the states of the others are out of reach
    const states = engine.isSharded ? await this.#states() : new Map();
    if (this.#ranks.isFirst) {
      await engine.withStates(states, () => this.#hooks.save(state));
      this.#stop.savedStep = state.step;
    } else {
      saves.lastCheckpoint = checkpointPath(
        context.config.output_dir,
        state.step,
      );
    }
  }

  async #states(): Promise<Map<string, Float32Array>> {
    const { session, planned: { trainables, request } } =
      this.#hooks.context.engine;
    if (trainables === null) return new Map();
    return await gatherStates(session, {
      trainables,
      slots: request.train?.optimizer.slots ?? [],
      collective: this.#ranks.collective,
    });
  }

  takeAsked(): boolean {
    return this.#ranks.isFirst && this.#hooks.takeAsked();
  }

  /** An interrupt ends the answers; the run ends with the next step, when all ranks know. */
  async answerAsked(state: Readonly<TrainerState>): Promise<void> {
    await this.#unlessStopped(() => this.#hooks.answerAsked(state));
  }

  /** What `body` gives; null where the signal ended it. */
  async #unlessStopped<T>(body: () => Promise<T>): Promise<T | null> {
    const { signal } = this.#hooks.context;
    try {
      return await body();
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return null;
      throw error;
    }
  }
}
