/**
 * The settings by which a run takes less memory and makes the same steps: how many rows are computed at once, whether
 * activations are kept, how frozen weights are stored.
 * @module
 */
import type { LoadedRun } from "../../config/load.ts";
import type { ModelConfig, RunConfig } from "../../config/types.ts";
import type { EngineRequest } from "../../engine/engine_request.ts";
import { STORAGE } from "./plan_request.ts";

/** Keys of `training` and of `model`. */
export interface MemoryChoice {
  readonly training: Pick<
    RunConfig["training"],
    "batch_size" | "gradient_accumulation_steps" | "gradient_checkpointing"
  >;
  readonly model: Pick<ModelConfig, "dtype" | "quantization">;
}

/** The choice that a run is written with. */
export function choiceOf({ training, model }: RunConfig): MemoryChoice {
  const { batch_size, gradient_accumulation_steps, gradient_checkpointing } =
    training;
  return {
    training: {
      batch_size,
      gradient_accumulation_steps,
      gradient_checkpointing,
    },
    model: { dtype: model.dtype, quantization: model.quantization },
  };
}

/** The run with another choice. */
export function withChoice(
  run: LoadedRun,
  { training, model }: MemoryChoice,
): LoadedRun {
  const { config } = run;
  return {
    ...run,
    config: {
      ...config,
      training: { ...config.training, ...training },
      model: { ...config.model, ...model },
    },
  };
}

/** What memory is planned from, with another choice. */
export function requestWith(
  request: EngineRequest,
  { training, model }: MemoryChoice,
): EngineRequest {
  const { train, evaluate } = request;
  if (train === null) return request;
  const B = training.batch_size;
  return {
    ...request,
    frozenDtype: STORAGE[model.dtype],
    quantization: model.quantization,
    train: { ...train, B, checkpointing: training.gradient_checkpointing },
    evaluate: evaluate === null ? null : { ...evaluate, B },
  };
}

/** Whether the model's own weights are not trained, so that they may be stored in fewer bits. */
export function isBaseFrozen({ adapter }: EngineRequest): boolean {
  return adapter !== null && adapter.savesModel !== true;
}

/** What differs, as a command line would set it. */
export function wordsOf(before: MemoryChoice, after: MemoryChoice): string {
  return (["training", "model"] as const).flatMap((group) => {
    const was: Record<string, unknown> = { ...before[group] };
    return Object.entries(after[group])
      .filter(([key, value]) => was[key] !== value)
      .map(([key, value]) => `${group}.${key}=${value}`);
  }).join(" ");
}
