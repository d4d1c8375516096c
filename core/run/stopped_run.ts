/**
 * The error of a run that its device ended: what is saved, and how to resume.
 * @module
 */
import {
  DataError,
  DeviceError,
  isDenotuneError,
} from "../contracts/errors.ts";
import { checkpointPath, listCheckpoints } from "./checkpoint.ts";

/** Where a run was when it stopped. */
export interface Stopped {
  /** The run folder. */
  readonly outputDir: string;
  /** The run's `training.resume`. */
  readonly resume: string;
  /** The command line that started the run; absent: a program did. */
  readonly command?: string;
  /** Step of the newest complete checkpoint, where another rank writes them; absent: the run folder says it. */
  readonly savedStep?: number | null;
}

/**
 * The error of a device with the newest complete checkpoint and the way on. Weights that only the device had
 * are lost; metrics and checkpoints are on disk. Other errors stay as they are.
 */
export function stoppedBy(error: unknown, stopped: Stopped): unknown {
  if (!isDenotuneError(error)) return error;
  if (error.name !== "DeviceError" && error.name !== "DataError") return error;
  const { outputDir, resume, command } = stopped;
  const kept = newestCheckpoint(stopped);
  const set = resume === "auto" ? "" : " training.resume=auto";
  const on = command === undefined
    ? `Start it again with the same settings${set === "" ? "" : ` and${set}`}`
    : `Resume it with: ${command}${set}`;
  const Same = error.name === "DataError" ? DataError : DeviceError;
  return new Same(
    `${error.message}\nThe run in ${outputDir} stopped. ${kept}.\n${on}`,
    { cause: error },
  );
}

/** The newest complete checkpoint of a run, in a sentence. */
export function newestCheckpoint({ outputDir, savedStep }: Stopped): string {
  const newest = savedStep === undefined
    ? listCheckpoints(outputDir).at(-1) ?? null
    : savedStep === null
    ? null
    : { step: savedStep, path: checkpointPath(outputDir, savedStep) };
  return newest === null
    ? "No checkpoint was complete yet (training.save_steps says how often one is saved), so it starts from its beginning"
    : `Its last complete checkpoint is ${newest.path} (step ${newest.step})`;
}
