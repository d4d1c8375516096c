/**
 * What a run writes: checkpoints, the trained model or adapter, and a base that was made from random weights.
 * @module
 */
import { join } from "node:path";
import type { ConfigData } from "../../config/resolved.ts";
import type { RunConfig } from "../../config/types.ts";
import type { Json } from "../../contracts/json.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { Engine } from "../../engine/engine.ts";
import {
  beginFolder,
  commitFolder,
  moveInto,
  temporaryBeside,
} from "../../io/atomic.ts";
import { checkpointState, saveCheckpoint } from "./checkpoint.ts";
import type { Events } from "../events.ts";
import type { OpenedData } from "../open/open_data.ts";
import { baseReader } from "../open/open_model.ts";
import type { OpenedModel } from "../open/opened_model.ts";
import type { TrainerState } from "../loop/trainer_state.ts";
import {
  savedAdapter,
  type SaveRequest,
  writeBase,
  writeTrained,
} from "./saved_model.ts";

/** Folder, beside an adapter, of a base that was made from random weights. */
const BASE = "base";

/** What is saved, and by which names. */
export interface SavesContext {
  readonly config: RunConfig;
  readonly settings: ConfigData;
  readonly engine: Engine;
  readonly model: OpenedModel;
  readonly data: OpenedData;
  readonly tokenizer: Tokenizer;
  readonly events: Events;
  /** Mark of a model that is not decoded token by token. */
  readonly mark: Json | null;
  readonly deviceFingerprint: string;
}

/** Writes what a run saves. */
export class RunSaves {
  readonly #of: SavesContext;
  /** Folder of the last checkpoint. */
  lastCheckpoint: string | null = null;
  #baseWritten = false;

  constructor(of: SavesContext) {
    this.#of = of;
  }

  /** Saves a checkpoint, and removes those that are too many. */
  async checkpoint(state: Readonly<TrainerState>): Promise<void> {
    const { config, settings, data, deviceFingerprint, events } = this.#of;
    await this.#writeBaseOnce();
    const { path, removed } = await saveCheckpoint(
      config.output_dir,
      checkpointState({
        state,
        config: settings,
        data: data.feed.fingerprint,
        stream: data.feed.position(),
        device: deviceFingerprint,
      }),
      {
        trained: this.#request("checkpoint"),
        limit: config.training.save_total_limit,
        best: config.training.load_best_model_at_end
          ? state.bestSoFar?.best?.step ?? null
          : null,
      },
    );
    this.lastCheckpoint = path;
    events.emit({ event: "save", kind: "checkpoint", path, removed });
  }

  /** Saves the trained model or adapter in the run folder: beside, synced, then moved in file by file. */
  async final(): Promise<void> {
    const { config, engine, events } = this.#of;
    await this.#writeBaseOnce();
    const final = join(config.output_dir, "model");
    const folder = beginFolder(final);
    try {
      await engine.withAverages(() =>
        writeTrained(folder, this.#request("end"))
      );
      moveInto(folder, config.output_dir);
    } catch (error) {
      await Deno.remove(temporaryBeside(final), { recursive: true }).catch(
        () => {},
      );
      throw error;
    }
    events.emit({
      event: "save",
      kind: savedAdapter(engine) === null ? "model" : "adapter",
      path: config.output_dir,
      removed: [],
    });
  }

  /** What is saved, in a checkpoint or at the end. */
  #request(where: "checkpoint" | "end"): SaveRequest {
    const { engine, model, tokenizer, data, config } = this.#of;
    const base = model.folder === null
      ? { path: where === "end" ? BASE : `../${BASE}`, revision: null }
      : {
        path: model.hub?.id ?? model.folder.path,
        revision: model.hub?.commit ?? null,
      };
    return {
      engine,
      model,
      tokenizer,
      template: data.template,
      dtype: config.model.save_dtype,
      mark: this.#of.mark,
      base,
    };
  }

  /** Saves a base made from random weights beside its adapter. */
  async #writeBaseOnce(): Promise<void> {
    const { engine, model, config } = this.#of;
    if (
      savedAdapter(engine) === null || model.folder !== null ||
      this.#baseWritten
    ) return;
    const path = join(config.output_dir, BASE);
    const folder = beginFolder(path);
    const read = baseReader(
      model,
      engine.planned.inventory.weights,
      config.seed,
    );
    await writeBase(
      folder,
      { ...this.#request("end"), dtype: "float32" },
      read,
    );
    commitFolder(folder, path);
    this.#baseWritten = true;
  }
}
