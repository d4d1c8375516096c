/**
 * The error of a run that its device ended: what is saved, and how to resume.
 * @module
 */
import {
  DataError,
  DeviceError,
  isDenotuneError,
  PluginError,
} from "../contracts/errors.ts";
import { checkpointPath, listCheckpoints } from "./saving/checkpoint.ts";

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
 * The error of a device, of a row or of a plugin with the newest complete checkpoint and the way on. Weights that only
 * the device had are lost; metrics and checkpoints are on disk. Other errors stay as they are.
 */
export function stoppedBy(error: unknown, stopped: Stopped): unknown {
  if (!isDenotuneError(error) || error.name === "ConfigError") return error;
  const { outputDir, resume, command } = stopped;
  const kept = newestCheckpoint(stopped);
  const set = resume === "auto" ? "" : " training.resume=auto";
  const on = command === undefined
    ? `Start it again with the same settings${set === "" ? "" : ` and${set}`}`
    : `Resume it with: ${command}${set}`;
  // a run goes on only with the same plugins
  const mended = error.name === "PluginError" && newestOf(stopped) !== null
    ? `\nWith the plugin mended, begin where it was saved, in another folder: output_dir=... training.resume=${
      newestOf(stopped)?.path
    }`
    : "";
  return new CLASSES[error.name](
    `${error.message}\nThe run in ${outputDir} stopped. ${kept}.\n${on}${mended}`,
    { cause: error },
  );
}

const CLASSES = { DataError, DeviceError, PluginError };

/** The newest complete checkpoint of a run, in a sentence. */
export function newestCheckpoint(stopped: Stopped): string {
  const newest = newestOf(stopped);
  return newest === null
    ? "No checkpoint was complete yet (training.save_steps says how often one is saved), so it starts from its beginning"
    : `Its last complete checkpoint is ${newest.path} (step ${newest.step})`;
}

function newestOf(
  { outputDir, savedStep }: Stopped,
): { readonly step: number; readonly path: string } | null {
  if (savedStep === undefined) return listCheckpoints(outputDir).at(-1) ?? null;
  return savedStep === null
    ? null
    : { step: savedStep, path: checkpointPath(outputDir, savedStep) };
}
