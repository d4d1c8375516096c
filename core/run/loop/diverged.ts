/**
 * What a run says that learns nothing any more.
 * @module
 */
import { DeviceError } from "../../contracts/errors.ts";

/**
 * The error of a run whose last `skipped` updates were left out. `found`: what was not finite first, as
 * `firstNotFinite` names it; `scale`: that of the loss, where it has one.
 */
export function divergedError(
  { found, skipped, scale }: {
    readonly found: string | null;
    readonly skipped: number;
    readonly scale: number | undefined;
  },
): DeviceError {
  const what = found === null ? "" : `; not finite first is ${found}`;
  const range = scale === undefined
    ? ""
    : `The loss scale is down to ${scale}: numbers of the forward pass are beyond what float16 holds (65,504), so set training.precision to bfloat16 or float32. `;
  const fix = found?.startsWith("the weight")
    ? "The model's files are broken, or the training diverged: start from other weights"
    : `${range}Lower optimizer.learning_rate, raise schedule.warmup_ratio or set training.max_grad_norm`;
  return new DeviceError(
    `The last ${skipped} updates were left out, because their gradients were not finite${what}. ${fix}; training.max_skipped_updates sets how many are allowed`,
  );
}
