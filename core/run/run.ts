/**
 * A whole run, from a checked config to a saved model: what `denotune train` and the library's `train` do.
 * Silent: everything that happens is passed to trackers. Here ranks and trackers are opened, the memory is
 * chosen, and what goes wrong is reported; `training_run.ts` trains.
 * @module
 */
import { createResolved, creatingWith } from "../config/parts/create_part.ts";
import { chosenAt } from "../config/chosen_at.ts";
import type { LoadedRun } from "../config/load.ts";
import { describePart } from "../config/schema/options_schema.ts";
import { Events, type NamedTracker } from "./events.ts";
import { modelFolderOf } from "./open/open_model.ts";
import { chooseMemory } from "./open/fit_memory.ts";
import { withChoice } from "./open/memory_choice.ts";
import { openRanks } from "./ranks/open_ranks.ts";
import { amongRanks } from "./ranks/ranks.ts";
import type { RunOptions, RunResult } from "./run_options.ts";
import { stoppedBy } from "./stopped_run.ts";
import { TrainingRun } from "./training_run.ts";

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
  let going: TrainingRun | null = null;
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
    going = new TrainingRun({
      run: fitted,
      creating,
      events,
      ranks,
      options,
      now,
    });
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
