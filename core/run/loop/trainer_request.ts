/**
 * What the loop of training runs on, and what it calls out to.
 * @module
 */
import type { Every } from "../../config/types.ts";
import type { Collective } from "../../contracts/collective.ts";
import type { Objective } from "../../contracts/objective.ts";
import type { Optimizer } from "../../contracts/optimizer.ts";
import type { Schedule } from "../../contracts/schedule.ts";
import type { TrainingData } from "../../data/training_data.ts";
import type { Engine } from "../../engine/engine.ts";
import type { StepAnswers } from "../ask/step_answers.ts";
import type { BestModelSettings, Metrics } from "./best_model.ts";
import type { StepVote } from "../ranks/agreed_stop.ts";
import type { StepProfile } from "./step_profile.ts";
import type { StepReport } from "./step_report.ts";
import type { TrainerState } from "./trainer_state.ts";
import type { BatchView } from "../watch/batch_view.ts";

/** What the loop calls out to. */
export interface TrainerHooks {
  onStep(state: Readonly<TrainerState>, report: StepReport): void;
  onEpoch(state: Readonly<TrainerState>, epochLoss: number | null): void;
  /** The update of a step was left out: its gradient was not finite. `step` is counted from 1. */
  onSkipped(state: Readonly<TrainerState>, step: number): void;
  /** Evaluates; called when all steps before are done. Returns the numbers. */
  evaluate(state: Readonly<TrainerState>): Promise<Metrics>;
  /** Saves. `failed`: this process alone does, because it cannot go on. */
  save(
    state: Readonly<TrainerState>,
    options?: { readonly failed?: boolean },
  ): Promise<void>;
  /** Whether somebody has asked the model something, since the last time. */
  takeAsked?(): boolean;
  /** Answers it; called when all steps before are done. */
  answerAsked?(state: Readonly<TrainerState>): Promise<void>;
}

/** What the loop runs on. */
export interface TrainerRequest {
  readonly engine: Engine;
  readonly data: TrainingData;
  readonly objective: Objective;
  /** Asks before each step; null or absent: the objective does not. */
  readonly answers?: StepAnswers | null;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly collective: Collective;
  /** What ranks decide together with each step; null or absent: nothing. */
  readonly vote?: StepVote | null;
  readonly settings: {
    readonly totalSteps: number;
    /** Epochs after which the run ends, whatever `totalSteps` says; null: any number. */
    readonly mostEpochs: number | null;
    readonly logging_steps: number;
    /** Updates in a row that may be skipped; null: any. */
    readonly max_skipped_updates: number | null;
    /** Whether gradients are scaled, as f16 needs it; absent: no. */
    readonly scalesLoss?: boolean;
    readonly eval_steps: Every;
    readonly eval_on_start: boolean;
    readonly save_steps: Every;
    /** Which evaluation is best, and when to stop. */
    readonly best: BestModelSettings;
    readonly seed: number;
    readonly sources: number;
  };
  readonly state: TrainerState;
  readonly hooks: TrainerHooks;
  /** Shows the batch of a logged step; null or absent: nobody looks. */
  readonly batchView?: BatchView | null;
  /** What is measured of the steps; null: nothing. */
  readonly profile?: StepProfile | null;
  /** Abort: the step that runs ends, a checkpoint is saved. */
  readonly signal: AbortSignal | undefined;
  /** Seconds, monotonic. */
  readonly now: () => number;
}
