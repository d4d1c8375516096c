/**
 * The checkpoint of the best evaluation: brought along where a run resumes in another folder, and loaded at the end.
 * @module
 */
import { basename, dirname, join } from "node:path";
import { DataError } from "../../contracts/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { beginFolder, commitFolder } from "../../io/atomic.ts";
import {
  bestMetricName,
  type BestModel,
  type BestModelSettings,
  isGreaterBetter,
  isPatienceSpent,
} from "../loop/best_model.ts";
import {
  checkpointPath,
  openCheckpoint,
  restoreCheckpoint,
} from "./checkpoint.ts";
import type { TrainerState } from "../loop/trainer_state.ts";

/**
 * Makes sure that a resumed run has its best checkpoint in its own folder. Throws `DataError` where it is not beside
 * the checkpoint that is resumed.
 */
export function bringBest(
  resumed: string,
  { state, outputDir, settings }: {
    readonly state: TrainerState;
    readonly outputDir: string;
    readonly settings: BestModelSettings;
  },
): void {
  const best = state.bestSoFar?.best ?? null;
  if (best === null || !settings.load_best_model_at_end) return;
  const from = checkpointPath(dirname(resumed), best.step);
  try {
    openCheckpoint(from);
  } catch (cause) {
    throw new DataError(
      `${resumed} says that the best model so far is that of step ${best.step}, and ${from} is gone or damaged; resume from a later checkpoint, or start anew with training.resume=never`,
      { cause },
    );
  }
  const to = join(outputDir, basename(from));
  if (to === from) return;
  const folder = beginFolder(to);
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(join(from, name), join(folder, name));
  }
  commitFolder(folder, to);
}

/** Puts the weights of the best evaluation on the device. Returns it, with what happened in words; null: not asked for. */
export function loadBest(
  engine: Engine,
  { state, outputDir, settings }: {
    readonly state: TrainerState;
    readonly outputDir: string;
    readonly settings: BestModelSettings;
  },
): { readonly best: BestModel | null; readonly notices: string[] } {
  const best = state.bestSoFar?.best ?? null;
  if (best === null) return { best, notices: [] };
  const name = bestMetricName(settings);
  const notices: string[] = [];
  const { bestSoFar } = state;
  const described = `${
    isGreaterBetter(settings) ? "highest" : "lowest"
  } ${name}, ${Number(best.value.toPrecision(5))} after step ${best.step}`;
  if (isPatienceSpent(bestSoFar, settings)) {
    const n = bestSoFar?.withoutGain ?? 0;
    notices.push(
      `Training stopped early at step ${state.step}: ${n} evaluation${
        n === 1 ? "" : "s in a row"
      } brought no gain over the ${described}`,
    );
  }
  if (settings.load_best_model_at_end && best.step !== state.step) {
    const path = checkpointPath(outputDir, best.step);
    openCheckpoint(path);
    restoreCheckpoint(engine, path);
    notices.push(
      `The model that is saved is that of ${basename(path)}${
        notices.length > 0 ? "" : `, which has the ${described}`
      }`,
    );
  }
  return { best, notices };
}
