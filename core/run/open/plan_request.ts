/**
 * From a run to what its engine is planned for: how large batches, contexts and caches get.
 * @module
 */
import type { Adapter, AttachedAdapter } from "../../contracts/adapter.ts";
import type { Objective } from "../../contracts/objective.ts";
import type { Optimizer } from "../../contracts/optimizer.ts";
import type { RunConfig } from "../../config/types.ts";
import type { PreparedDataset } from "../../data/prepared/prepared_dataset.ts";
import type { GenerationLimits } from "../../engine/generate/programs.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { inventoryOf } from "../../engine/build_model.ts";
import type { EngineRequest } from "../../engine/engine.ts";
import { frozenWeights } from "../../engine/trainables.ts";
import type { OpenedData } from "./open_data.ts";
import type { OpenedModel } from "./open_model.ts";

/** Bytes that the key/value cache of evaluation and samples may take. */
const CACHE_BYTES = 256 * 2 ** 20;
const MOST_ROWS = 64;
const PREFILL = 256;

/** The engine request of a run. */
export function planRequest(of: {
  readonly config: RunConfig;
  readonly model: OpenedModel;
  readonly data: OpenedData;
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly adapter: Adapter | null;
  readonly evaluators: readonly unknown[];
}): EngineRequest {
  const { config, model, data } = of;
  const { spec } = model;
  const B = config.training.batch_size;
  const { sites, weights } = inventoryOf(spec, config.data.max_length);
  const grown = [...model.fresh?.tables ?? []];
  const adapter = of.adapter?.attach({ spec, sites, weights, grown }) ?? null;
  const frozen = frozenWeights(config.model.freeze, weights);
  if (adapter !== null && !adapter.savesModel) {
    checkGrown(adapter, grown, frozen);
  }
  const T = data.feed.widest;
  const evaluationT = data.evaluation?.widest ?? 0;
  const generates = of.evaluators.length > 0 ||
    config.samples.prompts.length > 0;
  return {
    spec,
    adapter,
    frozen,
    frozenDtype: STORAGE[config.model.dtype],
    quantization: config.model.quantization,
    quantizationPattern: config.model.quantization_pattern,
    causal: of.objective.attention === "causal",
    train: {
      B,
      T,
      optimizer: of.optimizer,
      maxGradNorm: config.training.max_grad_norm,
      checkpointing: config.training.gradient_checkpointing,
    },
    evaluate: data.evaluation === null ? null : { B, T: evaluationT },
    generate: generates
      ? generationLimits(spec, {
        capacity: Math.max(T, evaluationT, 64) +
          config.generation.max_new_tokens,
        rows: of.evaluators.length > 0
          ? MOST_ROWS
          : Math.max(1, config.samples.prompts.length),
      })
      : null,
    sources: Math.max(
      data.feed.sourceNames.length,
      data.evaluation?.sourceNames.length ?? 0,
    ),
  };
}

/** An adapter that leaves new rows untrained would save tokens that mean nothing. */
function checkGrown(
  adapter: AttachedAdapter,
  grown: readonly string[],
  frozen: ReadonlySet<string>,
): void {
  for (const name of grown) {
    if (frozen.has(name)) {
      throw new ConfigError(
        `model.freeze keeps ${name} as it is, but it has rows for added tokens, which the adapter must train and save; leave it out`,
      );
    }
    if (!adapter.trainsBase(name)) {
      throw new ConfigError(
        `The adapter does not train ${name}, which has rows for added tokens; use lora or dora, or train all weights`,
      );
    }
  }
}

/** What the names of storage in a run file mean on the device. */
export const STORAGE = {
  float32: "f32",
  bfloat16: "bf16",
  float16: "f16",
} as const;

/** Rows and context of generation: as many rows as the cache's budget holds. */
export function generationLimits(
  spec: OpenedModel["spec"],
  wanted: { capacity: number; rows: number },
): GenerationLimits {
  const capacity = spec.positionsAreBounded && spec.maxPositions !== null
    ? Math.min(wanted.capacity, spec.maxPositions)
    : wanted.capacity;
  const perRow = capacity * spec.kvColumns * spec.layers * 2 * 4;
  const rows = Math.max(
    1,
    Math.min(MOST_ROWS, wanted.rows, Math.floor(CACHE_BYTES / perRow)),
  );
  return { rows, capacity, prefill: Math.min(PREFILL, capacity) };
}

/** Batches of a prepared set, in order: for evaluation. */
export function* allBatches(set: PreparedDataset) {
  for (let step = 0; step < set.stepsInEpoch(0); step++) {
    yield* set.batches(0, step);
  }
}
