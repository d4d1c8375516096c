/**
 * Which files of a folder are pushed: the model's, or all of an export. What a run keeps for itself (checkpoints,
 * metrics, settings with paths of this machine) is not.
 * @module
 */
import {
  ADAPTER_CONFIG,
  ConfigError,
  kindAt,
  readJsonObject,
} from "@denotune/denotune/core";
import { dirname, join, resolve } from "node:path";

/** The report of an export. */
const EXPORT_REPORT = "export.json";

/** Files of a model. */
const MODEL_FILES =
  /^(config|generation_config|adapter_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config|processor_config|chat_template)\.json$|^merges\.txt$|^(tokenizer|spiece)\.model$|^chat_template\.jinja$|\.safetensors(\.index\.json)?$/;

/** What is pushed. */
export interface PushedFolder {
  /** The folder of the files. */
  readonly path: string;
  /** Paths within it, in order. */
  readonly files: readonly string[];
  /** Folder of the run that trained it; null: none is known. */
  readonly run: string | null;
  /** The report of an export, as it was written; null: it is the saved model itself. */
  readonly report: { readonly [key: string]: unknown } | null;
  /** Whether it is an adapter without its base. */
  readonly isAdapter: boolean;
}

/** Finds the files. Throws `ConfigError` where there is no model. */
export async function filesToPush(written: string): Promise<PushedFolder> {
  const path = resolve(written);
  if (await kindAt(path) !== "folder") {
    throw new ConfigError(`Cannot push ${path}: there is no such folder`);
  }
  const report = readJsonObject(join(path, EXPORT_REPORT));
  const files = report === null
    ? namesIn(path).filter((name) => MODEL_FILES.test(name))
    : allIn(path);
  const isAdapter = files.includes(ADAPTER_CONFIG);
  const isModel = isAdapter || files.includes("config.json");
  if (report === null && !isModel) {
    const isRun = await kindAt(join(path, "config.resolved.yaml")) === "file";
    throw new ConfigError(
      isRun
        ? `Cannot push ${path}: the run is not finished; push one of its checkpoints, ${path}/checkpoint-N`
        : `Cannot push ${path}: it holds no model (no config.json, no adapter_config.json) and no export`,
    );
  }
  return { path, files, report, isAdapter, run: await runOf(path) };
}

/** The folder itself, or the one around a checkpoint or an export. */
async function runOf(path: string): Promise<string | null> {
  for (const folder of [path, dirname(path)]) {
    if (await kindAt(join(folder, "config.resolved.yaml")) === "file") {
      return folder;
    }
  }
  return null;
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].filter((entry) => entry.isFile)
    .map((entry) => entry.name).sort();
}

function allIn(path: string, prefix = ""): string[] {
  return [...Deno.readDirSync(path)].flatMap((entry) =>
    entry.isDirectory
      ? allIn(join(path, entry.name), `${prefix}${entry.name}/`)
      : entry.isFile
      ? [`${prefix}${entry.name}`]
      : []
  ).sort();
}
