/**
 * What tests and benchmarks ask of the engine, in few words: all weights in float32 by AdamW, nothing but training.
 * @module
 */
import type { EngineRequest } from "../core/engine/engine_request.ts";
import type { ModelSpec } from "../core/mod.ts";
import { adamwRule } from "../plugins/optimizers/adamw_rule.ts";

/** What a request of training says besides its optimizer. */
type TrainRequest = NonNullable<EngineRequest["train"]>;

/** What a caller asks otherwise: `adamw` changes the rule that is used where `train` gives none. */
export interface TrainRequestChanges
  extends Partial<Omit<EngineRequest, "spec" | "train">> {
  readonly adamw?: Partial<Parameters<typeof adamwRule>[0]>;
  readonly train: Pick<TrainRequest, "B" | "T"> & Partial<TrainRequest>;
}

/** A request to train `spec`: AdamW at 1e-3 without decay, gradients clipped to a norm of 1, no checkpointing. */
export function trainRequest(
  spec: ModelSpec,
  { adamw = {}, train, ...request }: TrainRequestChanges,
): EngineRequest {
  return {
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    evaluate: null,
    generate: null,
    sources: 1,
    ...request,
    train: {
      optimizer: adamwRule({
        learning_rate: 1e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0,
        decay_norm_and_bias: false,
        ...adamw,
      }),
      maxGradNorm: 1,
      checkpointing: false,
      ...train,
    },
  };
}
