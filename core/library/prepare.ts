/**
 * A run opened to be looked at: what `check` and `inspect` build on.
 * @module
 */
import { creatingWith } from "../config/parts/create_part.ts";
import type { LoadedRun } from "../config/load.ts";
import { modelFolderOf } from "../run/open/open_model.ts";
import {
  openRun,
  type PreparedRun,
  type PrepareOptions,
} from "../run/open/open_run.ts";

/** Opens the model and the data of a run. Throws what `train` would throw about them. */
export async function prepareRun(
  run: LoadedRun,
  options: PrepareOptions = {},
): Promise<PreparedRun> {
  const located = await modelFolderOf(run.config.model);
  const creating = creatingWith(run.registry, {
    modelDir: located?.path ?? null,
    seed: run.config.seed,
    notice: (message) => options.onNotice?.(message),
  });
  return await openRun(run, { located, creating }, options);
}
