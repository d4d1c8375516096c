/**
 * What follows the last step: the best model is chosen and saved, the last answers are shown, the end is reported.
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import type { LoadedRun } from "../config/load.ts";
import { isPatienceSpent } from "./loop/best_model.ts";
import type { Events } from "./events.ts";
import { loadBest } from "./saving/load_best.ts";
import type { Ranks } from "./ranks/ranks.ts";
import type { RunHooks } from "./run_hooks.ts";
import type { RunResult } from "./run_options.ts";
import { writeSummary } from "./summary.ts";
import type { TrainerState } from "./loop/trainer_state.ts";

/** A run that has trained. */
export interface TrainedRun {
  readonly run: LoadedRun;
  readonly engine: Engine;
  readonly ranks: Ranks;
  readonly events: Events;
  readonly hooks: RunHooks;
  readonly state: TrainerState;
  readonly status: RunResult["status"];
  /** Steps that were planned. */
  readonly steps: number;
  /** SHA-256 of the weights of several ranks; null: there is one rank. */
  readonly hash: string | null;
}

/** Saves what a run that is done has learned, and says how it ended. Answers are shown by `showSamples`. */
export async function finishRun(
  trained: TrainedRun,
  showSamples: () => Promise<void>,
): Promise<RunResult> {
  const { run: { config }, engine, ranks, events, hooks, state } = trained;
  const { status, steps } = trained;
  const isDone = status === "done";
  const { best, notices } = isDone && ranks.isFirst
    ? loadBest(engine, {
      state,
      outputDir: config.output_dir,
      settings: config.training,
    })
    : { best: null, notices: [] };
  for (const notice of notices) events.notice(notice);
  if (
    isDone && state.step < steps &&
    !isPatienceSpent(state.bestSoFar, config.training)
  ) {
    events.notice(
      `The data ended after ${state.step} of ${steps} steps: training.epochs is ${config.training.epochs}`,
    );
  }
  if (best !== null && config.training.load_best_model_at_end) {
    hooks.metrics = best.metrics;
  }
  if (isDone && ranks.isFirst) {
    await showSamples();
    await hooks.saves.final();
    writeSummary(config, {
      steps: state.step,
      seconds: events.seconds,
      metrics: hooks.metrics,
      best,
    });
  }
  const path = isDone
    ? config.output_dir
    : hooks.saves.lastCheckpoint ?? config.output_dir;
  events.emit({
    event: "end",
    status,
    seconds: events.seconds,
    total_trained_tokens: state.trainedTokens,
    skipped_updates: state.skippedUpdates,
    path,
    error: null,
  });
  return {
    status,
    outputDir: config.output_dir,
    path,
    steps: state.step,
    metrics: hooks.metrics,
    bestStep: best?.step ?? null,
    rank: ranks.collective.rank,
    weightsHash: trained.hash,
  };
}
