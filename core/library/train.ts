/**
 * `train` as a function: silent, and it never ends the process.
 * @module
 */
import { chosenAt } from "../config/chosen_at.ts";
import { type LoadedRun, loadRun } from "../config/load.ts";
import type { RunInput } from "../config/types.ts";
import type { BuiltIn } from "../contracts/built_in.ts";
import type { Tracker, TrackerEvent } from "../contracts/tracker.ts";
import { callbackTracker } from "../run/callback_tracker.ts";
import { trainRun } from "../run/run.ts";
import type { RunResult } from "../run/run_options.ts";
import type { WithTrust } from "../config/trust/trust_option.ts";
import { openRegistry } from "../config/parts/open_registry.ts";

/** How the library's caller follows and stops a run. */
export interface TrainOptions extends WithTrust {
  /** Abort it: a checkpoint is saved and the result's `status` is `interrupted`. */
  readonly signal?: AbortSignal;
  /** Sees every event that a tracker sees: `start`, `step`, `eval`, `save`, ... */
  readonly onEvent?: (event: TrackerEvent) => void;
  /** `key=value`, laid over the run as on the command line. */
  readonly overrides?: readonly string[];
}

/** `train` of the library. */
export async function train(
  builtIn: BuiltIn,
  run: RunInput | string,
  options: TrainOptions = {},
): Promise<RunResult> {
  const loaded = await loadRun({
    ...(typeof run === "string" ? { file: run } : { object: run }),
    overrides: options.overrides,
    registry: await openRegistry(builtIn, { trust: options.trust }),
  });
  const named = typeof run === "object" && run.trackers !== undefined;
  const trackers: Tracker[] = options.onEvent === undefined
    ? []
    : [callbackTracker(options.onEvent)];
  return await trainRun(named ? loaded : withoutConsole(loaded), {
    signal: options.signal,
    trackers,
  });
}

/** The same run, its console tracker not made. The config keeps it, so that the run can be resumed anywhere. */
function withoutConsole(run: LoadedRun): LoadedRun {
  const choices = new Map(run.choices);
  for (const i of run.config.trackers.keys()) {
    const key = `trackers.${i}`;
    if (chosenAt(run, "tracker", key)?.part.name === "console") {
      choices.delete(key);
    }
  }
  return { ...run, choices };
}
