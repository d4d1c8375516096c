/**
 * How many steps a run has.
 * @module
 */
import { ConfigError } from "../contracts/errors.ts";
import type { TrainingData } from "./training_data.ts";

/** Steps of a whole run: `max_steps`, or all epochs. */
export function totalSteps(
  data: TrainingData,
  settings: { epochs: number; max_steps: number | null },
): number {
  if (settings.max_steps !== null) return settings.max_steps;
  let steps = 0;
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const inEpoch = data.stepsInEpoch(epoch);
    if (inEpoch === null) {
      throw new ConfigError(
        "`training.max_steps` must be set: how many steps a stream has is not known",
      );
    }
    steps += inEpoch;
  }
  return steps;
}
