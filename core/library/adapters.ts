/**
 * Adapters on one base: found, bound to the model, and put to use on an engine by writing their tensors.
 * @module
 */
import { join } from "node:path";
import { createPart, type Creating } from "../config/parts/create_part.ts";
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { WeightSpec } from "../contracts/model.ts";
import { DataError } from "../contracts/errors.ts";
import { inventoryOf } from "../engine/model/build_model.ts";
import { findAdapterTensors, openAdapterFile } from "../io/adapter_file.ts";
import { type JsonObject, readJsonObject } from "../io/json_file.ts";
import type { Engine } from "../engine/engine.ts";
import {
  baseReader,
  writeAdapterStart,
  writeBaseWeights,
} from "../run/open/open_model.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";
import { modelFor } from "../run/open/untie_head.ts";
import { writeStored } from "../run/saving/saved_model.ts";

/** An adapter of a folder, bound to a model. */
export interface BoundAdapter {
  /** Folder of its tensors. */
  readonly path: string;
  /** The model that it is bound to: with a head of its own where the adapter wants one. */
  readonly model: OpenedModel;
  readonly attached: AttachedAdapter;
  /** Equal for adapters that the same programs run: only their tensors differ. */
  readonly structure: string;
}

/**
 * Binds the adapter of a folder. Its tensors are checked against the model: names and shapes.
 * Throws `DataError` or `ConfigError` that say what does not fit.
 */
export async function bindAdapter(
  saved: { readonly path: string; readonly config: JsonObject },
  model: OpenedModel,
  creating: Creating,
): Promise<BoundAdapter> {
  const { path, config } = saved;
  const names = creating.registry.names("adapter");
  using file = openAdapterFile(path);
  const tensors = new Set(file.tensors.keys());
  for (const name of names) {
    const made = await createPart("adapter", name, creating);
    const adapter = made.configured?.(config, { tensors }) ?? null;
    if (adapter === null) continue;
    const base = modelFor(adapter, model);
    const { sites, weights } = inventoryOf(base.spec, 2);
    const attached = adapter.attach({ spec: base.spec, sites, weights });
    findAdapterTensors(file, attached, weights);
    return {
      path,
      model: base,
      attached,
      structure: structureOf(attached, base, weights),
    };
  }
  throw new DataError(
    `${path}/adapter_config.json describes an adapter of kind ${
      JSON.stringify(config.peft_type) ?? "(none)"
    }, which no plugin reads; known: ${names.join(", ")}`,
  );
}

/** `adapter_config.json` of a folder. Throws `DataError` where there is none. */
export function readAdapterConfig(path: string): JsonObject {
  const config = readJsonObject(join(path, "adapter_config.json"));
  if (config === null) {
    throw new DataError(
      `${path} holds no adapter: there is no adapter_config.json in it`,
    );
  }
  return config;
}

function structureOf(
  attached: AttachedAdapter,
  { spec }: OpenedModel,
  weights: readonly WeightSpec[],
): string {
  const sizes = (list: readonly WeightSpec[] = []) =>
    list.map(({ name, shape }) => [name, shape]);
  return JSON.stringify([
    spec.head.tied,
    sizes(attached.parameters),
    sizes(attached.constants),
    weights.filter((w) => attached.trainsBase(w.name)).map((w) => w.name),
    attached.config({ path: null, revision: null }),
  ]);
}

/** Writes an adapter's tensors to an engine that was planned for its structure and holds the base's weights. */
export function writeAdapter(engine: Engine, bound: BoundAdapter): void {
  const { planned, session } = engine;
  writeAdapterStart(bound.model, { planned, session, seed: 0 });
  using file = openAdapterFile(bound.path);
  const { weights } = planned.inventory;
  const tensors = findAdapterTensors(file, bound.attached, weights);
  for (const [variable, stored] of tensors) {
    writeStored(engine, { stored, variable });
  }
}

/** Gives the base its own weights back where an adapter has put others. */
export async function restoreBase(
  engine: Engine,
  { model, attached }: BoundAdapter,
): Promise<void> {
  const { weights } = engine.planned.inventory;
  const given = attached.initialise?.(baseReader(model, weights, 0));
  const changed = weights.filter((w) =>
    attached.trainsBase(w.name) || given?.has(w.name) === true
  );
  if (changed.length === 0) return;
  await writeBaseWeights(model, changed, { session: engine.session, seed: 0 });
}

/**
 * Switches an engine's adapter off, where that is exact: whether it could be done. The base's own weights
 * must be there.
 */
export function switchOff(engine: Engine, attached: AttachedAdapter): boolean {
  if (attached.switches === undefined) return false;
  for (const name of attached.switches) {
    const spec = attached.parameters.find((p) => p.name === name);
    if (spec === undefined) return false;
    const size = spec.shape.reduce((a, b) => a * b, 1);
    engine.session.write(name, new Float32Array(size));
  }
  return true;
}
