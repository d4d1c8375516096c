/**
 * What `generate` is pointed at: a model, a finished run, a checkpoint, an adapter, or a Hub id.
 * @module
 */
import { isAbsolute, join, resolve } from "node:path";
import { listed } from "../config/parse/problem.ts";
import { kindAt, resolveModelPath, runsIn } from "../config/paths.ts";
import { DataError } from "../contracts/errors.ts";
import { type JsonObject, readJsonObject } from "../io/json_file.ts";
import { listCheckpoints } from "../run/saving/checkpoint.ts";
import { verifyChecksums } from "../run/saving/checksums.ts";

/** A saved model: where its base and, if there is one, its adapter are. */
export interface SavedFolder {
  /** The folder as it was found. */
  readonly path: string;
  /** Folder of the base's `config.json` and weights: `path` itself where all weights were trained. */
  readonly base: string;
  /** The adapter in `path`, or null. */
  readonly adapter: { readonly config: JsonObject } | null;
  /** Worth saying: an unfinished run's newest checkpoint was taken. */
  readonly notice: string | null;
}

/** Finds what a folder (or a Hub id) holds. Throws `DataError` that says what was looked for. */
export async function findSaved(
  written: string,
  cwd: string = Deno.cwd(),
): Promise<SavedFolder> {
  const { path } = await resolveModelPath(written, { base: cwd }).catch(
    async (error) => {
      // the check of model folders asks for a config.json, which an adapter and a run have not
      const folder = resolve(cwd, written);
      if (await kindAt(folder) === "folder") return { path: folder };
      throw error;
    },
  );
  const found = await lookInto(path);
  if (found !== null) return found;
  if (await kindAt(join(path, "config.resolved.yaml")) === "file") {
    const newest = listCheckpoints(path).at(-1);
    if (newest === undefined) {
      throw new DataError(
        `The run in ${path} has saved nothing yet: it is unfinished and has no checkpoint`,
      );
    }
    const checkpoint = await lookInto(newest.path);
    if (checkpoint !== null) {
      return {
        ...checkpoint,
        notice:
          `The run in ${path} is not finished: using its checkpoint of step ${newest.step}`,
      };
    }
  }
  const runs = await runsIn(path);
  throw new DataError(
    `${path} holds no model: there is neither a config.json nor an adapter_config.json in it${
      runs.length === 0 ? "" : `; name one of the runs there: ${listed(runs)}`
    }`,
  );
}

async function lookInto(path: string): Promise<SavedFolder | null> {
  if (await kindAt(join(path, "adapter_config.json")) === "file") {
    verifyChecksums(path);
    const config = readJsonObject(join(path, "adapter_config.json"));
    if (config === null) throw new DataError(`${path} has no adapter_config`);
    return {
      path,
      base: await baseOf(path, config),
      adapter: { config },
      notice: null,
    };
  }
  if (await kindAt(join(path, "config.json")) !== "file") return null;
  verifyChecksums(path);
  return { path, base: path, adapter: null, notice: null };
}

/** The base that an adapter names: a path from its own folder, an absolute path, or a Hub id. */
async function baseOf(path: string, config: JsonObject): Promise<string> {
  const named = config.base_model_name_or_path;
  const at = join(path, "adapter_config.json");
  if (typeof named !== "string" || named === "") {
    throw new DataError(
      `${at} does not say which model the adapter belongs to: \`base_model_name_or_path\` is ${
        JSON.stringify(named) ?? "missing"
      }`,
    );
  }
  const { revision } = config;
  try {
    const found = await resolveModelPath(named, {
      base: path,
      ...(typeof revision === "string" ? { revision } : {}),
    });
    return found.path;
  } catch (error) {
    // other tools write the path as it was given to them, from the working directory
    const fromHere = resolve(Deno.cwd(), named);
    if (!isAbsolute(named) && await kindAt(fromHere) === "folder") {
      return fromHere;
    }
    throw new DataError(
      `Cannot find the base of the adapter in ${path}: ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
}
