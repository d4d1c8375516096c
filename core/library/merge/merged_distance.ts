/**
 * How far a merged model is from its base with the adapter beside it, and when that is too far.
 * @module
 */
import type { TensorReader } from "../../contracts/adapter.ts";
import { DataError } from "../../contracts/errors.ts";
import type { SaveDType } from "../../io/save_model.ts";

/** The largest difference of a logit, and the largest logit that was wanted. */
export interface MergedDistance {
  readonly largestDifference: number;
  readonly largestLogit: number;
}

/** Compares logits, row by row. */
export function mergedDistance(
  found: readonly Float32Array[],
  wanted: readonly Float32Array[],
): MergedDistance {
  let [largestDifference, largestLogit] = [0, 0];
  found.forEach((logits, row) => {
    logits.forEach((v, i) => {
      const difference = Math.abs(v - wanted[row][i]);
      // what is no number stays: it must not be forgotten over the next one
      if (!(difference <= largestDifference) && largestDifference >= 0) {
        largestDifference = difference;
      }
      largestLogit = Math.max(largestLogit, Math.abs(wanted[row][i]));
    });
  });
  return { largestDifference, largestLogit };
}

/** Throws `DataError` for a distance beyond the tolerance, or for logits that are no numbers. */
export function refuseDistant(
  { largestDifference, largestLogit }: MergedDistance,
  of: {
    readonly path: string;
    readonly dtype: SaveDType;
    readonly tolerance: number;
    /** Names of the tensors of the adapter, then of the base, and their numbers. */
    readonly names: readonly string[];
    readonly read: TensorReader;
  },
): void {
  const { path, dtype, tolerance } = of;
  if (!Number.isFinite(largestDifference) || !Number.isFinite(largestLogit)) {
    const name = of.names.find((n) => of.read(n).some((v) => !isFinite(v)));
    throw new DataError(
      `Cannot merge ${path}: base and adapter together give logits that are not finite. ${
        name === undefined
          ? "All of their weights are finite, but sums of them overflow"
          : `${name} has numbers that are not finite`
      }. Nothing was written. Merge an earlier checkpoint, or train again with a lower learning rate`,
    );
  }
  if (largestDifference <= tolerance * largestLogit) return;
  throw new DataError(
    `The merged model does not say what ${path} says: a logit differs by ${
      largestDifference.toPrecision(3)
    }, where the largest is ${
      largestLogit.toPrecision(3)
    } and ${tolerance} of it is allowed. Nothing was written. ${
      dtype === "float32"
        ? "Raise the tolerance if that is good enough"
        : `Merge in float32, or raise the tolerance if that is good enough: ${dtype} rounds every weight`
    }`,
  );
}
