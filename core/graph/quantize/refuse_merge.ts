/**
 * What must not be done to a quantised base.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Quantization } from "../dtype.ts";

/**
 * Refuses to fold an adapter into a base that it was trained on in 8 or 4 bits: neither the rounded base nor
 * the one in its files gives the model that was trained. `what` names the adapter or the run. Throws
 * `ConfigError`; does nothing for null.
 */
export function refuseQuantizedMerge(
  quantization: Quantization | null,
  what: string,
): void {
  if (quantization === null) return;
  throw new ConfigError(
    `Cannot merge ${what}: it was trained on a base stored as ${quantization} (model.quantization), and the sum would be rounded again or belong to another base. Use the adapter beside its base, or train with model.quantization=null`,
  );
}
