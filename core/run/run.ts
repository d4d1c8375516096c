/**
 * A whole run, from a checked config to a saved model: what `denotune train` and the library's `train` do.
 * Silent: everything that happens is passed to trackers. Config, data and memory problems come before the
 * device wakes.
 * @module
 */
import { join } from "node:path";
import type { Tracker } from "../contracts/tracker.ts";
import {
  createResolved,
  type Creating,
  creatingWith,
} from "../config/parts/create_part.ts";
import type { CallWatch } from "../config/parts/guard_part.ts";
import { chosenAt } from "../config/chosen_at.ts";
import type { LoadedRun } from "../config/load.ts";
import { configData, resolvedText } from "../config/resolved.ts";
import { rememberPlugins } from "../config/trust/decide_trust.ts";
import { describePart } from "../config/schema/options_schema.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { VERSION } from "../version.ts";
import { BatchView } from "./watch/batch_view.ts";
import { isPatienceSpent } from "./best_model.ts";
import { bringBest, loadBest } from "./load_best.ts";
import { openCheckpoint, restoreCheckpoint } from "./checkpoint.ts";
import { checkPrecision, openDevice } from "./open/choose_backend.ts";
import { Engine } from "../engine/engine.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { Events, type NamedTracker } from "./events.ts";
import { resumeData } from "./open/open_data.ts";
import {
  modelFolderOf,
  writeAdapterStart,
  writeBaseWeights,
} from "./open/open_model.ts";
import { openRun, planRun } from "./open/open_run.ts";
import { chooseMemory } from "./open/fit_memory.ts";
import { withChoice } from "./open/memory_choice.ts";
import { memoryNeed, refuseTooLarge } from "./open/memory_check.ts";
import { RESOLVED } from "./log/run_files.ts";
import { decideRunFolder, enterRunFolder } from "./run_folder.ts";
import { lockRunFolder } from "./run_lock.ts";
import { stepAnswersOf } from "./ask/asked_in_run.ts";
import { RunRequests } from "./watch/requests.ts";
import { RunHooks } from "./run_hooks.ts";
import { startEvent } from "./start_event.ts";
import { StepProfile } from "./step_profile.ts";
import { AgreedStop } from "./ranks/agreed_stop.ts";
import { openRanks, seesFolder, settingsFacts } from "./ranks/open_ranks.ts";
import { RankHooks } from "./ranks/rank_hooks.ts";
import { amongRanks, type Ranks, refuseDifferences } from "./ranks/ranks.ts";
import { shareTrained, weightsHash } from "./ranks/share_weights.ts";
import { newestCheckpoint, type Stopped, stoppedBy } from "./stopped_run.ts";
import { writeSummary } from "./summary.ts";
import { runTraining } from "./trainer.ts";
import { freshState, type TrainerState } from "./trainer_state.ts";

/** How a run is watched and stopped. */
export interface RunOptions {
  /** Abort: a checkpoint is saved and the run ends as `interrupted`. */
  readonly signal?: AbortSignal;
  /** Trackers besides those of the config: what they throw ends the run. */
  readonly trackers?: readonly Tracker[];
  /** Is informed of which part runs, so that one that never returns can be named. */
  readonly calls?: CallWatch;
  /** The command line that starts this run, for what is said where a device ends it. */
  readonly command?: string;
  /** Receives what a rank says itself when it is asked to stop: trackers listen on rank 0 alone. */
  readonly onRankStops?: (message: string) => void;
}

/** What a run gave. */
export interface RunResult {
  /** Whether it came to its end. */
  readonly status: "done" | "interrupted";
  /** The run folder. */
  readonly outputDir: string;
  /** The trained model or adapter, or the checkpoint from which an interrupted run resumes. */
  readonly path: string;
  /** Optimizer steps done. */
  readonly steps: number;
  /** The numbers of the last evaluation, or of the best one where its model was loaded at the end: `eval_loss`, ... */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** The step of the best evaluation; null where evaluations are not compared, or the run is not over. */
  readonly bestStep: number | null;
  /** Number of this process among those that trained together: 0 wrote the results. */
  readonly rank: number;
  /** SHA-256 of the trained weights, where several ranks trained together; else null. */
  readonly weightsHash: string | null;
}

/**
 * Trains. Throws our errors, and the signal's reason where it is aborted before the first step is prepared:
 * nothing is to be saved then. Trackers are closed in any case.
 */
export async function trainRun(
  run: LoadedRun,
  options: RunOptions = {},
): Promise<RunResult> {
  const now = () => performance.now() / 1000;
  const { config } = run;
  const pending: (() => void)[] = [];
  let events: Events | null = null;
  const notice = (message: string) =>
    events === null
      ? void pending.push(() => events?.notice(message))
      : events.notice(message);
  const watch = {
    signal: options.signal,
    calls: options.calls,
    waiting: (what: string) => events?.waiting(what),
  };
  // first, so that a rank that fails or hangs is noticed from here on
  const ranks = await openRanks(
    run,
    creatingWith(run.registry, { seed: config.seed, notice, watch }),
  );
  const located = await amongRanks(
    ranks,
    () => modelFolderOf(config.model, { signal: options.signal }),
  );
  const creating = creatingWith(run.registry, {
    modelDir: located?.path ?? null,
    seed: config.seed,
    notice,
    watch,
  });
  const trackers: NamedTracker[] = (options.trackers ?? []).map((tracker) => ({
    tracker,
    described: null,
  }));
  for (const i of ranks.isFirst ? config.trackers.keys() : []) {
    const chosen = chosenAt(run, "tracker", `trackers.${i}`);
    if (chosen === null) continue;
    trackers.push({
      tracker: await createResolved(chosen, creating),
      described: describePart(chosen),
    });
  }
  events = new Events(trackers, now);
  for (const emit of pending) emit();
  let going: Run | null = null;
  try {
    const fitted = config.memory === "as-written" ? run : withChoice(
      run,
      await amongRanks(ranks, () =>
        // one choice for all: they share the same steps
        ranks.fromFirst(() =>
          chooseMemory(run, {
            located,
            creating,
            collective: ranks.collective,
          }, { signal: options.signal, onNotice: notice })
        )),
    );
    going = new Run({ run: fitted, creating, events, ranks, options, now });
    const started = going;
    const result = await amongRanks(ranks, () => started.go(located));
    await events.close();
    await ranks.collective.close?.();
    return result;
  } catch (thrown) {
    const { signal } = options;
    const state = going?.state ?? null;
    const error = going === null || state === null
      ? thrown
      : stoppedBy(thrown, going.stopped);
    const isStopped = signal?.aborted === true && error === signal.reason;
    events.emit({
      event: "end",
      status: isStopped ? "interrupted" : "failed",
      seconds: events.seconds,
      total_trained_tokens: state?.trainedTokens ?? 0,
      skipped_updates: state?.skippedUpdates ?? 0,
      path: null,
      error: isStopped
        ? null
        : error instanceof Error
        ? error.message
        : String(error),
    });
    await events.close().catch(() => {});
    throw error;
  }
}

/** What a run works with. */
interface RunContext {
  readonly run: LoadedRun;
  readonly creating: Creating;
  readonly events: Events;
  readonly ranks: Ranks;
  readonly options: RunOptions;
  readonly now: () => number;
}

class Run {
  /** How far the run has come, once it trains. */
  state: TrainerState | null = null;
  readonly #of: RunContext;
  /** How several ranks stop together; null: there is one. */
  #stop: AgreedStop | null = null;
  /** Whether this rank sees what rank 0 writes. */
  #seesFolder = true;

  constructor(of: RunContext) {
    this.#of = of;
  }

  /** Where the run was, for what is said when it stops. */
  get stopped(): Stopped {
    const { run: { config }, options } = this.#of;
    return {
      outputDir: config.output_dir,
      resume: config.training.resume,
      command: options.command,
      savedStep: this.#seesFolder ? undefined : this.#stop?.savedStep ?? null,
    };
  }

  async go(
    located: Awaited<ReturnType<typeof modelFolderOf>>,
  ): Promise<RunResult> {
    const { run, creating, events, ranks, now } = this.#of;
    const { signal } = this.#of.options;
    const { config } = run;
    if (ranks.areSeveral) {
      await refuseDifferences(ranks, await settingsFacts(run));
    }
    using _lock = ranks.isFirst ? lockRunFolder(config.output_dir) : null;
    const settings = configData(config);

    const options = {
      // one rank alone must not stop its data: all end with the same step
      signal: ranks.areSeveral ? undefined : signal,
      onNotice: (message: string, level?: "info" | "warning") =>
        events.notice(message, level),
      onProgress: (
        { task, rows, of }: { task: string; rows: number; of: number },
      ) => events.emit({ event: "progress", task, done: rows, total: of }),
    };
    await checkPrecision(run, creating);
    using opened = await openRun(run, { located, creating }, options);
    const { tokenizer, data } = opened;
    const { parts, model, request, totalSteps: steps } = await planRun(opened, {
      ...options,
      trains: true,
      collective: ranks.collective,
    });
    await refuseDifferences(ranks, {
      "data (fingerprint)": data.feed.fingerprint,
      "steps": steps,
      model: model.name,
    });
    const { gradient_accumulation_steps: micros } = config.training;
    const { world } = ranks.collective;
    if (micros < world) {
      events.notice(
        `A step has ${micros} micro-batch${
          micros === 1 ? "" : "es"
        } (training.gradient_accumulation_steps) for ${world} ranks: ${
          world - micros
        } of them only wait. More and smaller ones make the same steps`,
        "warning",
      );
    }
    const folder = await ranks.fromFirst(() => decideRunFolder(run));
    const { checkpoint: from } = folder;
    const checkpoint = from === null
      ? null
      : await ranks.fromFirst(() => openCheckpoint(from));
    if (checkpoint !== null) {
      await resumeData(data, {
        outputDir: config.output_dir,
        checkpoint,
        onNotice: (message) => events.notice(message),
        onProgress: (rows, of) =>
          events.emit({
            event: "progress",
            task: "reading on to where the run stopped",
            done: rows,
            total: of,
          }),
      });
    }

    data.stream?.start();
    const chosen = await openDevice(run, opened.creating);
    await using device = chosen.device;
    if (device.info.advice !== undefined) events.notice(device.info.advice);
    const planned = planEngine(request, device.info);
    const need = memoryNeed(planned, device.info, config.memory_limit);
    refuseTooLarge(request, need, { config, info: device.info });
    await using engine = await Engine.open(planned, device);
    const moved = ranks.isFirst
      ? enterRunFolder(config.output_dir, folder)
      : null;
    if (moved !== null) {
      events.notice(
        `The run that was in ${config.output_dir} is now in ${moved}`,
      );
    }
    if (!folder.continues && ranks.isFirst) {
      writeFileAtomic(
        join(config.output_dir, RESOLVED),
        await resolvedText(run, VERSION),
      );
      rememberPlugins(run.registry);
    }
    this.#seesFolder = await seesFolder(ranks, config.output_dir);
    using requests = ranks.isFirst ? new RunRequests(config.output_dir) : null;
    const asked = AbortSignal.any(
      [requests?.signal, signal].filter((one) => one !== undefined),
    );
    const stop = ranks.areSeveral
      ? new AgreedStop(asked, {
        isFirst: ranks.isFirst,
        savedStep: checkpoint?.state.step ?? null,
      })
      : null;
    this.#stop = stop;
    if (stop !== null) this.#saysWhatIsSaved(asked);
    const training = stop === null
      ? asked
      : AbortSignal.any([asked, stop.signal]);
    const resumedAt = checkpoint?.state.step ?? null;
    await events.start({
      outputDir: config.output_dir,
      totalSteps: steps,
      resumedAt: resumedAt ?? 0,
      settings,
    });
    events.emit(
      startEvent({
        run,
        model,
        data,
        planned,
        chosen,
        need,
        steps,
        resumedAt,
      }),
    );
    await writeBaseWeights(model, planned.inventory.weights, {
      session: engine.session,
      seed: config.seed,
    });
    writeAdapterStart(model, { engine, seed: config.seed });
    await engine.startBase();
    await engine.startAverages();
    const state = checkpoint?.state ?? freshState();
    this.state = state;
    const ofBest = {
      state,
      outputDir: config.output_dir,
      settings: config.training,
    };
    if (from !== null && checkpoint !== null) {
      if (ranks.isFirst) {
        bringBest(from, ofBest);
        restoreCheckpoint(engine, from);
      }
      if (checkpoint.device !== device.info.fingerprint) {
        events.notice(
          "The checkpoint was made on another processor or backend: the run is resumed, but bits will differ",
          "warning",
        );
      }
    }

    if (ranks.areSeveral) await shareTrained(ranks, engine, from);

    const answers = stepAnswersOf(parts, {
      config,
      engine,
      model,
      data,
      tokenizer,
      signal: training,
    });
    const hooks = new RunHooks({
      answers,
      config,
      settings,
      engine,
      model,
      data,
      tokenizer,
      events,
      evaluators: parts.evaluators,
      evaluationRows: parts.evaluationRows,
      objective: parts.objective,
      mark: parts.mark,
      requests,
      signal: training,
      deviceFingerprint: device.info.fingerprint,
      now,
    });
    // an interrupt ends answers early; what it means for the run follows right after
    const samples = (at: "start" | "end") =>
      hooks.samples(at).catch((error) => {
        if (!training.aborted || error !== training.reason) throw error;
      });
    if (state.step === 0 && ranks.isFirst) await samples("start");
    const profile = StepProfile.of(device);
    const batchView = new BatchView({
      outputDir: config.output_dir,
      tokenizer,
      data,
      asks: answers !== null,
      now,
    });
    const status = await runTraining({
      engine,
      data: data.feed,
      objective: parts.objective,
      answers,
      optimizer: parts.optimizer,
      schedule: parts.schedule,
      collective: ranks.collective,
      vote: stop,
      settings: {
        totalSteps: steps,
        mostEpochs: config.data.streaming ? config.training.epochs : null,
        logging_steps: config.training.logging_steps,
        max_skipped_updates: config.training.max_skipped_updates,
        scalesLoss: config.training.precision === "float16",
        eval_steps: config.training.eval_steps,
        eval_on_start: config.training.eval_on_start,
        save_steps: config.training.save_steps,
        best: config.training,
        seed: config.seed,
        sources: data.feed.sourceNames.length,
      },
      state,
      hooks: stop === null ? hooks : new RankHooks(hooks, { ranks, stop }),
      batchView,
      profile,
      signal: stop?.signal ?? training,
      now,
    });
    const hash = ranks.areSeveral ? await this.#compareWeights(engine) : null;
    const measured = profile?.measured() ?? null;
    if (measured !== null) events.emit({ event: "profile", ...measured });
    for (const notice of data.feed.closingNotices()) events.notice(notice);
    const { best, notices } = status === "done" && ranks.isFirst
      ? loadBest(engine, ofBest)
      : { best: null, notices: [] };
    for (const notice of notices) events.notice(notice);
    if (status === "done") {
      if (
        state.step < steps && !isPatienceSpent(state.bestSoFar, config.training)
      ) {
        events.notice(
          `The data ended after ${state.step} of ${steps} steps: training.epochs is ${config.training.epochs}`,
        );
      }
      if (best !== null && config.training.load_best_model_at_end) {
        hooks.metrics = best.metrics;
      }
      if (ranks.isFirst) {
        await samples("end");
        await hooks.saves.final();
        writeSummary(config, {
          steps: state.step,
          seconds: events.seconds,
          metrics: hooks.metrics,
          best,
        });
      }
    }
    const path = status === "done"
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
      weightsHash: hash,
    };
  }

  /** Says at once, on every rank, from where a run resumes that is asked to stop: its launcher may be impatient. */
  #saysWhatIsSaved(asked: AbortSignal): void {
    const { ranks: { collective: { rank, world } }, options } = this.#of;
    asked.addEventListener("abort", () =>
      options.onRankStops?.(
        `rank ${rank} of ${world}: ${newestCheckpoint(this.stopped)}`,
      ));
  }

  /** The hash of the trained weights, which must be that of all ranks. */
  async #compareWeights(engine: Engine): Promise<string> {
    const { ranks, events } = this.#of;
    const hash = await weightsHash(engine);
    const others = await ranks.ofAll(hash);
    const apart = others.flatMap((of, rank) => of === others[0] ? [] : [rank]);
    if (apart.length > 0) {
      events.notice(
        `The weights of rank ${
          apart.join(", ")
        } differ from those of rank 0, which are saved: the ranks compute on different processors or devices`,
        "warning",
      );
    }
    return hash;
  }
}
