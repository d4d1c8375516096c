/**
 * Checkpoints: everything that a run needs to resume with the same bits. A folder is complete or absent: written
 * beside, synced, renamed.
 *
 * ```text
 * checkpoint-120/  state.json             step, epoch, sums, config, fingerprints
 *                  optimizer.safetensors  `slot:tensor`, float32
 *                  model.safetensors ...  the trained weights as others load them (or adapter_model.safetensors)
 *                  checksums.json         SHA-256 of each of these files
 * ```
 * @module
 */
import { dirname, join } from "node:path";
import { DataError, isDenotuneError } from "../../contracts/errors.ts";
import { ADAPTER_FILE } from "../../io/adapter_file.ts";
import {
  beginFolder,
  commitFolder,
  temporaryBeside,
  writeFileAtomic,
} from "../../io/atomic.ts";
import { readJsonObject, showJson } from "../../io/json_file.ts";
import { openModelFolder } from "../../io/model_folder.ts";
import { SafetensorsFile } from "../../io/read_safetensors.ts";
import {
  type TensorToSave,
  writeSafetensors,
} from "../../io/write_safetensors.ts";
import type { Json } from "../../contracts/json.ts";
import type { Engine } from "../../engine/engine.ts";
import { finiteTensor } from "../../engine/finite_tensor.ts";
import {
  readInto,
  readTrained,
  savedAdapter,
  savedTensors,
  type SaveRequest,
  writeStored,
  writeTrained,
} from "./saved_model.ts";
import { statesOf, type TensorState } from "../../engine/trainables.ts";
import {
  CHECKPOINT_FORMAT,
  type CheckpointState,
  parseCheckpointState,
} from "./checkpoint_state.ts";
import { verifyChecksums, writeChecksums } from "./checksums.ts";

const STATE = "state.json";
const OPTIMIZER = "optimizer.safetensors";

/** Folder of the checkpoint of a step. */
export function checkpointPath(outputDir: string, step: number): string {
  return join(outputDir, `checkpoint-${step}`);
}

/** Complete checkpoints of a run folder, oldest first. */
export function listCheckpoints(
  outputDir: string,
): { step: number; path: string }[] {
  const found: { step: number; path: string }[] = [];
  for (const entry of Deno.readDirSync(outputDir)) {
    const match = /^checkpoint-(\d+)$/.exec(entry.name);
    if (entry.isDirectory && match !== null) {
      found.push({ step: Number(match[1]), path: join(outputDir, entry.name) });
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

/** Writes a checkpoint, then deletes those beyond the limit. Returns its path and what was deleted. */
export async function saveCheckpoint(
  outputDir: string,
  checkpoint: CheckpointState,
  options: {
    readonly trained: SaveRequest;
    readonly limit: number | null;
    /** Step of a checkpoint that is kept in any case; null: none. */
    readonly best: number | null;
  },
): Promise<{ path: string; removed: string[] }> {
  const path = checkpointPath(outputDir, checkpoint.state.step);
  const folder = beginFolder(path);
  try {
    await writeTrained(folder, { ...options.trained, dtype: "float32" });
    await writeSafetensors(
      join(folder, OPTIMIZER),
      slotTensors(options.trained.engine),
      { dtype: "F32" },
    );
    writeFileAtomic(
      join(folder, STATE),
      showJson(checkpoint as unknown as Record<string, Json>),
    );
    writeChecksums(folder);
    commitFolder(folder, path);
  } catch (error) {
    await Deno.remove(temporaryBeside(path), { recursive: true }).catch(
      () => {},
    );
    throw error;
  }
  const removed: string[] = [];
  if (options.limit !== null) {
    const older = listCheckpoints(outputDir).filter((c) => c.path !== path);
    const surplus = Math.max(0, older.length + 1 - options.limit);
    const others = older.filter(({ step }) => step !== options.best);
    for (const old of others.slice(0, surplus)) {
      // out of sight first: a checkpoint is complete or absent, also while it goes
      const going = temporaryBeside(old.path);
      await Deno.rename(old.path, going);
      await Deno.remove(going, { recursive: true });
      removed.push(old.path);
    }
  }
  return { path, removed };
}

function slotTensors(engine: Engine): TensorToSave[] {
  return savedTensors(engine).flatMap(({ spec }) =>
    savedStates(engine, spec.name).map(({ variable, shape }) =>
      finiteTensor(engine, { name: variable, variable, shape })
    )
  );
}

function savedStates(engine: Engine, tensor: string): TensorState[] {
  const { trainables, request } = engine.planned;
  return trainables === null
    ? []
    : statesOf(trainables, request.train?.optimizer.slots ?? [], tensor);
}

/**
 * Checks a checkpoint's files and reads its state. Throws `DataError` for one that is damaged or none at all; where
 * an older one beside it is whole, the error names it and how to continue from it.
 */
export function openCheckpoint(path: string): CheckpointState {
  try {
    verifyChecksums(path);
    return readCheckpointState(path);
  } catch (error) {
    if (!isDenotuneError(error)) throw error;
    const older = olderWhole(path);
    if (older === null) throw error;
    throw new DataError(
      `${error.message}\nThe newest whole checkpoint before it is ${older}: continue from it with training.resume=${older}`,
      { cause: error },
    );
  }
}

/** The newest checkpoint before this one whose files are whole, or null. */
function olderWhole(path: string): string | null {
  const step = Number(/checkpoint-(\d+)$/.exec(path)?.[1]);
  const older = listCheckpoints(dirname(path)).filter((c) => c.step < step);
  for (const { path } of older.reverse()) {
    try {
      verifyChecksums(path);
      readCheckpointState(path);
      return path;
    } catch (error) {
      if (!isDenotuneError(error)) throw error;
    }
  }
  return null;
}

/** Reads `state.json` of a checkpoint. Throws `DataError` for a folder that is none. */
export function readCheckpointState(path: string): CheckpointState {
  const found = readJsonObject(join(path, STATE));
  if (found === null) {
    throw new DataError(`${path} is no checkpoint: it has no ${STATE}`);
  }
  return parseCheckpointState(found, join(path, STATE));
}

/** A new `state.json`. */
export function checkpointState(
  of: Omit<CheckpointState, "format">,
): CheckpointState {
  return { format: CHECKPOINT_FORMAT, ...of };
}

/**
 * Writes a checkpoint's weights and optimizer slots to the device; where ranks share the slots, weights alone (see
 * `readSlot`).
 */
export function restoreCheckpoint(engine: Engine, path: string): void {
  if (savedAdapter(engine) !== null) {
    using file = new SafetensorsFile(join(path, ADAPTER_FILE));
    readTrained(engine, file);
  } else {
    using folder = openModelFolder(path);
    for (const { saved, spec } of savedTensors(engine)) {
      const stored = folder.tensors.get(saved);
      if (stored === undefined) {
        throw new DataError(`${path} has no tensor ${saved}`);
      }
      writeStored(engine, { stored, variable: spec.name });
    }
  }
  if (engine.isSharded) return;
  using slots = new SafetensorsFile(join(path, OPTIMIZER));
  for (const { spec } of savedTensors(engine)) {
    for (const { variable } of savedStates(engine, spec.name)) {
      readInto(engine, { file: slots, name: variable, variable });
    }
  }
}

/** Reads an optimizer slot of a checkpoint. Throws `DataError` where it has none of that name. */
export function readSlot(path: string, name: string): Float32Array {
  using file = new SafetensorsFile(join(path, OPTIMIZER));
  const stored = file.tensors.get(name);
  if (stored === undefined) {
    throw new DataError(
      `${file.path} has no tensor ${name}: the checkpoint is of another optimizer, or its states were stored in another way`,
    );
  }
  return stored.read();
}
