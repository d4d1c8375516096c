/**
 * The training of one run on one rank: everything is opened and checked, cheap things first (config, data and
 * memory problems come before the device wakes), then steps are trained and the result is saved.
 * @module
 */
import { join } from "node:path";
import type { Creating } from "../config/parts/create_part.ts";
import type { LoadedRun } from "../config/load.ts";
import { configData, resolvedText } from "../config/resolved.ts";
import { rememberPlugins } from "../config/trust/decide_trust.ts";
import type { Device } from "../contracts/backend.ts";
import { Engine } from "../engine/engine.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { VERSION } from "../version.ts";
import { stepAnswersOf } from "./ask/asked_in_run.ts";
import { openCheckpoint, restoreCheckpoint } from "./saving/checkpoint.ts";
import type { CheckpointState } from "./saving/checkpoint_state.ts";
import type { Events } from "./events.ts";
import { finishRun } from "./finish_run.ts";
import { bringBest } from "./saving/load_best.ts";
import { RESOLVED } from "./log/run_files.ts";
import { checkPrecision } from "./open/choose_backend.ts";
import { memoryNeed, refuseTooLarge } from "./open/memory_check.ts";
import { type OpenedData, resumeData } from "./open/open_data.ts";
import type { modelFolderOf } from "./open/open_model.ts";
import { LoadingWeights } from "./open/loading_weights.ts";
import {
  openRun,
  planRun,
  type PreparedRun,
  type PrepareOptions,
  type RunPlan,
} from "./open/open_run.ts";
import { WakingDevice } from "./open/waking_device.ts";
import { AgreedStop } from "./ranks/agreed_stop.ts";
import { seesFolder, settingsFacts } from "./ranks/open_ranks.ts";
import { RankHooks } from "./ranks/rank_hooks.ts";
import { idleRanks, type Ranks, refuseDifferences } from "./ranks/ranks.ts";
import { compareWeights, shareTrained } from "./ranks/share_weights.ts";
import {
  decideRunFolder,
  enterRunFolder,
  type FolderDecision,
} from "./run_folder.ts";
import { RunHooks } from "./run_hooks.ts";
import { lockRunFolder } from "./run_lock.ts";
import type { RunOptions, RunResult } from "./run_options.ts";
import { startEvent } from "./start_event.ts";
import { StepProfile } from "./loop/step_profile.ts";
import { newestCheckpoint, type Stopped } from "./stopped_run.ts";
import { runTraining } from "./loop/trainer.ts";
import { freshState, type TrainerState } from "./loop/trainer_state.ts";
import { BatchView } from "./watch/batch_view.ts";
import { RunRequests } from "./watch/requests.ts";

/** What a run works with. */
export interface RunContext {
  readonly run: LoadedRun;
  readonly creating: Creating;
  readonly events: Events;
  readonly ranks: Ranks;
  readonly options: RunOptions;
  readonly now: () => number;
}

/** Where a run begins: its folder, and the checkpoint that it resumes. */
interface Beginning {
  readonly folder: FolderDecision;
  readonly checkpoint: CheckpointState | null;
}

/** Who may stop a run. */
interface Stopping {
  /** How several ranks stop together; null: there is one. */
  readonly vote: AgreedStop | null;
  /** Aborted by the user, by a request in the run folder, or by what ranks agreed. */
  readonly signal: AbortSignal;
  readonly requests: RunRequests | null;
}

/** A run that is ready to train. */
interface ReadyRun extends RunPlan {
  readonly opened: PreparedRun;
  readonly engine: Engine;
  readonly device: Device;
  readonly beginning: Beginning;
  readonly stopping: Stopping;
}

/** One run. `go` is called once. */
export class TrainingRun {
  /** How far the run has come, once it trains. */
  state: TrainerState | null = null;
  readonly #of: RunContext;
  #vote: AgreedStop | null = null;
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
      savedStep: this.#seesFolder ? undefined : this.#vote?.savedStep ?? null,
    };
  }

  /** Trains and saves. `located` is where the model is. */
  async go(
    located: Awaited<ReturnType<typeof modelFolderOf>>,
  ): Promise<RunResult> {
    const { run, creating, events, ranks } = this.#of;
    const { config } = run;
    if (ranks.areSeveral) {
      await refuseDifferences(ranks, await settingsFacts(run));
    }
    using _lock = ranks.isFirst ? lockRunFolder(config.output_dir) : null;
    const preparing = this.#preparing();
    await checkPrecision(run, creating);
    using opened = await openRun(run, { located, creating }, preparing);
    await using waking = new WakingDevice();
    const plan = await planRun(opened, {
      ...preparing,
      trains: true,
      collective: ranks.collective,
      beforePlan: () => waking.start(run, opened.creating),
    });
    await this.#compareWork(opened.data, plan);
    const beginning = await this.#beginning(opened.data);

    opened.data.stream?.start();
    const chosen = await waking.opened();
    const { device } = chosen;
    if (device.info.advice !== undefined) events.notice(device.info.advice);
    const planned = planEngine(plan.request, device.info);
    const need = memoryNeed(planned, device.info, config.memory_limit);
    refuseTooLarge(plan.request, need, { config, info: device.info });
    await using loading = new LoadingWeights();
    await using engine = await Engine.open(planned, device, (session) => {
      loading.start(plan.model, { planned, session, seed: config.seed });
    });
    await this.#enterFolder(beginning.folder);
    using requests = ranks.isFirst ? new RunRequests(config.output_dir) : null;
    const ready: ReadyRun = {
      ...plan,
      opened,
      engine,
      device,
      beginning,
      stopping: this.#stopping(requests, beginning),
    };
    const resumedAt = beginning.checkpoint?.state.step ?? null;
    await events.start({
      outputDir: config.output_dir,
      totalSteps: plan.totalSteps,
      resumedAt: resumedAt ?? 0,
      settings: configData(config),
    });
    events.emit(startEvent({
      run,
      model: plan.model,
      data: opened.data,
      planned,
      chosen,
      need,
      steps: plan.totalSteps,
      resumedAt,
    }));
    await loading.loaded();
    return await this.#train(ready, await this.#load(ready));
  }

  #preparing(): PrepareOptions {
    const { events, ranks, options } = this.#of;
    return {
      // one rank alone must not stop its data: all end with the same step
      signal: ranks.areSeveral ? undefined : options.signal,
      onNotice: (message, level) => events.notice(message, level),
      onProgress: ({ task, rows, of }) =>
        events.emit({ event: "progress", task, done: rows, total: of }),
    };
  }

  /** Refuses ranks that would train something else; warns where there is no work for some of them. */
  async #compareWork(data: OpenedData, plan: RunPlan): Promise<void> {
    const { run: { config }, events, ranks } = this.#of;
    await refuseDifferences(ranks, {
      "data (fingerprint)": data.feed.fingerprint,
      "steps": plan.totalSteps,
      model: plan.model.name,
    });
    const idle = idleRanks(
      config.training.gradient_accumulation_steps,
      ranks.collective.world,
    );
    if (idle !== null) events.notice(idle, "warning");
  }

  /** Decides where to begin, and reads the data on to there. */
  async #beginning(data: OpenedData): Promise<Beginning> {
    const { run, events, ranks } = this.#of;
    const folder = await ranks.fromFirst(() => decideRunFolder(run));
    const { checkpoint: from } = folder;
    const checkpoint = from === null
      ? null
      : await ranks.fromFirst(() => openCheckpoint(from));
    if (checkpoint !== null) {
      await resumeData(data, {
        outputDir: run.config.output_dir,
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
    return { folder, checkpoint };
  }

  /** Moves a run that was in the folder aside, and writes down the settings of this one. */
  async #enterFolder(folder: FolderDecision): Promise<void> {
    const { run, events, ranks } = this.#of;
    const { output_dir: outputDir } = run.config;
    const moved = ranks.isFirst ? enterRunFolder(outputDir, folder) : null;
    if (moved !== null) {
      events.notice(`The run that was in ${outputDir} is now in ${moved}`);
    }
    if (!folder.continues && ranks.isFirst) {
      writeFileAtomic(
        join(outputDir, RESOLVED),
        await resolvedText(run, VERSION),
      );
      rememberPlugins(run.registry);
    }
    this.#seesFolder = await seesFolder(ranks, outputDir);
  }

  #stopping(requests: RunRequests | null, { checkpoint }: Beginning): Stopping {
    const { ranks, options } = this.#of;
    const asked = AbortSignal.any(
      [requests?.signal, options.signal].filter((one) => one !== undefined),
    );
    if (!ranks.areSeveral) return { vote: null, signal: asked, requests };
    const vote = new AgreedStop(asked, {
      isFirst: ranks.isFirst,
      savedStep: checkpoint?.state.step ?? null,
    });
    this.#vote = vote;
    // said at once, on every rank: its launcher may be impatient
    const { rank, world } = ranks.collective;
    asked.addEventListener("abort", () =>
      options.onRankStops?.(
        `rank ${rank} of ${world}: ${newestCheckpoint(this.stopped)}`,
      ));
    return { vote, signal: AbortSignal.any([asked, vote.signal]), requests };
  }

  /** Begins with what is trained as it is on the device now, or with a checkpoint. */
  async #load({ engine, device, beginning }: ReadyRun): Promise<TrainerState> {
    const { run: { config }, events, ranks } = this.#of;
    const { checkpoint, folder: { checkpoint: from } } = beginning;
    await engine.startBase();
    await engine.startAverages();
    const state = checkpoint?.state ?? freshState();
    this.state = state;
    if (from !== null && checkpoint !== null) {
      if (ranks.isFirst) {
        bringBest(from, {
          state,
          outputDir: config.output_dir,
          settings: config.training,
        });
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
    return state;
  }

  async #train(ready: ReadyRun, state: TrainerState): Promise<RunResult> {
    const { run, events, ranks, now } = this.#of;
    const { config } = run;
    const { opened: { data, tokenizer }, engine, model, parts } = ready;
    const { device, totalSteps: steps, stopping: { vote, signal } } = ready;
    const answers = stepAnswersOf(parts, {
      config,
      engine,
      model,
      data,
      tokenizer,
      signal,
    });
    const hooks = new RunHooks({
      answers,
      config,
      settings: configData(config),
      engine,
      model,
      data,
      tokenizer,
      events,
      evaluators: parts.evaluators,
      evaluationRows: parts.evaluationRows,
      objective: parts.objective,
      mark: parts.mark,
      requests: ready.stopping.requests,
      signal,
      deviceFingerprint: device.info.fingerprint,
      now,
    });
    // an interrupt ends answers early; what it means for the run follows right after
    const samples = (at: "start" | "end") =>
      hooks.samples(at).catch((error) => {
        if (!signal.aborted || error !== signal.reason) throw error;
      });
    if (state.step === 0 && ranks.isFirst) await samples("start");
    const profile = StepProfile.of(device);
    const status = await runTraining({
      engine,
      data: data.feed,
      objective: parts.objective,
      answers,
      optimizer: parts.optimizer,
      schedule: parts.schedule,
      collective: ranks.collective,
      vote,
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
      hooks: vote === null
        ? hooks
        : new RankHooks(hooks, { ranks, stop: vote }),
      batchView: new BatchView({
        outputDir: config.output_dir,
        tokenizer,
        data,
        asks: answers !== null,
        now,
      }),
      profile,
      signal: vote?.signal ?? signal,
      now,
    });
    const hash = ranks.areSeveral
      ? await compareWeights(
        ranks,
        engine,
        (message) => events.notice(message, "warning"),
      )
      : null;
    const measured = profile?.measured() ?? null;
    if (measured !== null) events.emit({ event: "profile", ...measured });
    for (const notice of data.feed.closingNotices()) events.notice(notice);
    return await finishRun(
      { run, engine, ranks, events, hooks, state, status, steps, hash },
      () => samples("end"),
    );
  }
}
