/**
 * The engine of a loaded model, which adapters share: tensors are written where the programs fit, else the
 * programs are made anew.
 * @module
 */
import type { Device } from "../contracts/backend.ts";
import type { WeightSpec } from "../contracts/model.ts";
import { ConfigError } from "../contracts/errors.ts";
import { Engine } from "../engine/engine.ts";
import type { GenerationLimits } from "../engine/generate/programs.ts";
import type { Session } from "../engine/session.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { STORAGE } from "../run/open/plan_request.ts";
import { checkWeights, writeBaseWeights } from "../run/open/open_model.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";
import {
  type BoundAdapter,
  restoreBase,
  switchOff,
  writeAdapter,
} from "./adapters.ts";
import type { SavedDecoding } from "../run/decoding_mark.ts";
import type { BaseStorage } from "./base_storage.ts";
import type { LoadModelOptions } from "./load_options.ts";

/** What an engine is opened from. */
export interface SwitchingOptions {
  readonly model: OpenedModel;
  readonly device: Device;
  readonly storage: BaseStorage;
  readonly decoding: SavedDecoding;
  /** What it is sized for. */
  limits(model: OpenedModel): EngineLimits;
  /** Writes the base weights; absent: those of the model's folder. */
  load?(weights: readonly WeightSpec[], session: Session): Promise<void>;
}

/** What the engine of a saved model is sized for. */
export interface EngineLimits {
  /** Null: it answers nothing. */
  readonly generate: GenerationLimits | null;
  /** Tokens of the longest text that is scored; null: none is. */
  readonly score: number | null;
}

/** The engine of a model, and which adapter it has. */
export class Switching implements AsyncDisposable {
  readonly #of: SwitchingOptions;
  #engine: Engine | null = null;
  #planned: BoundAdapter | null = null;
  /** Whether the base has its own weights, all of them, and no adapter is switched on. */
  #isBare = false;
  /** The adapter that answers; null: the base alone. */
  #current: BoundAdapter | null = null;
  /** Tokens of the longest text that the programs score. */
  #scored: number | null = null;

  constructor(of: SwitchingOptions) {
    this.#of = of;
  }

  /** The engine that answers now. */
  get engine(): Engine {
    if (this.#engine === null) throw new RangeError("The model is not open");
    return this.#engine;
  }

  /** Makes an adapter answer, or the base alone. */
  async to(wanted: BoundAdapter | null): Promise<void> {
    if (this.#engine === null || !await this.#write(this.#engine, wanted)) {
      await this.#open(wanted);
    }
    this.#current = wanted;
    this.engine.generator?.forget();
    await this.engine.session.idle();
  }

  /** Makes the programs anew where they score no texts of that many tokens. */
  async toScore(tokens: number): Promise<void> {
    if (this.#scored !== null && tokens <= this.#scored) return;
    // in powers of two: a text that is a little longer than the last needs no new programs
    const rounded = 2 ** Math.ceil(Math.log2(Math.max(64, tokens)));
    const { maxPositions } = this.#of.model.spec;
    this.#scored = Math.max(
      tokens,
      Math.min(rounded, maxPositions ?? Infinity),
    );
    await this.#open(this.#current);
  }

  async #open(wanted: BoundAdapter | null): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#engine = await openEngine(this.#of, wanted, this.#scored);
    this.#planned = wanted;
    this.#isBare = wanted === null;
  }

  /** Whether the programs that are there can serve; if so the numbers are written. */
  async #write(engine: Engine, wanted: BoundAdapter | null): Promise<boolean> {
    const planned = this.#planned;
    if (planned === null) return wanted === null;
    if (wanted === null && planned.attached.switches === undefined) {
      return false;
    }
    if (wanted !== null && wanted.structure !== planned.structure) return false;
    if (!this.#isBare) await restoreBase(engine, planned);
    if (wanted === null) switchOff(engine, planned.attached);
    else writeAdapter(engine, wanted);
    this.#isBare = wanted === null;
    return true;
  }

  /** Frees the engine's memory; the device stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.[Symbol.asyncDispose]();
  }
}

async function openEngine(
  { model: base, device, storage, decoding, limits, load }: SwitchingOptions,
  wanted: BoundAdapter | null,
  scored: number | null,
): Promise<Engine> {
  const model = wanted?.model ?? base;
  const { spec } = model;
  const { generate, score: asked } = limits(model);
  const score = scored === null ? asked : Math.max(scored, asked ?? 0);
  const planned = planEngine({
    spec,
    adapter: wanted?.attached ?? null,
    frozenDtype: STORAGE[storage.dtype],
    quantization: storage.quantization,
    quantizationPattern: storage.quantizationPattern,
    headQuantization: storage.headQuantization,
    causal: decoding.causal,
    decoding: decoding.decoding,
    objective: decoding.described,
    train: null,
    evaluate: null,
    generate,
    score,
    sources: 1,
  }, device.info);
  const { weights } = planned.inventory;
  if (load === undefined) checkWeights(model, weights);
  const engine = await Engine.open(planned, device);
  try {
    const { session } = engine;
    await (load?.(weights, session) ??
      writeBaseWeights(model, weights, { session, seed: 0 }));
    if (wanted !== null) writeAdapter(engine, wanted);
    await engine.session.idle();
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/** Limits of a model that is asked one prompt after the other, as its user says. */
export function conversationLimits(
  model: OpenedModel,
  { contextLength: wanted, rows = 1, logits = false }: LoadModelOptions,
): EngineLimits {
  const capacity = contextLength(model, wanted);
  const prefill = Math.min(256, capacity);
  return { generate: { rows, capacity, prefill, logits }, score: null };
}

function contextLength(model: OpenedModel, wanted: number | undefined): number {
  const { maxPositions, positionsAreBounded } = model.spec;
  const most = maxPositions ?? Infinity;
  if (wanted === undefined) return Math.min(2048, most);
  if (!Number.isInteger(wanted) || wanted < 2) {
    throw new ConfigError(
      `A context of ${wanted} tokens has no room for a prompt and an answer`,
    );
  }
  if (wanted > most && positionsAreBounded) {
    throw new ConfigError(
      `The context cannot have ${wanted} tokens: ${model.name} has ${most} positions`,
    );
  }
  return wanted;
}
