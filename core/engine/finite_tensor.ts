/**
 * What is saved must be numbers: a run that has diverged must not overwrite what can still be used.
 * @module
 */
import { DeviceError } from "../contracts/errors.ts";
import type { TensorToSave } from "../io/write_safetensors.ts";
import type { Engine } from "./engine.ts";

/** A variable of the engine as a tensor to save. Reading it throws `DeviceError` at a value that is not finite. */
export function finiteTensor(
  engine: Engine,
  of: {
    /** Name in the file. */
    readonly name: string;
    /** Name of the variable, float32. */
    readonly variable: string;
    readonly shape: readonly number[];
  },
): TensorToSave {
  const { name, variable, shape } = of;
  return {
    name,
    shape,
    isGiven: true, // `engine.read` copies
    read: async (start, count) => {
      const values = await engine.read(variable, { start, count });
      for (let i = 0; i < values.length; i++) {
        // NaN and the infinities alone give NaN here; much faster than Number.isFinite
        if (values[i] - values[i] !== 0) {
          throw new DeviceError(
            `Cannot save ${name}: element ${start + i} is ${
              values[i]
            }. The training has diverged; earlier checkpoints are kept. Continue from one of them (training.resume=PATH) or start anew, with a lower optimizer.learning_rate, a longer warm-up or training.max_grad_norm`,
          );
        }
      }
      return values;
    },
  };
}
