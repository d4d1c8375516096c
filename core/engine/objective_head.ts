/**
 * A head of an objective's own in the place of a model's vocabulary projection: a reward, classes.
 * @module
 */
import type { ModelSpec } from "../contracts/model.ts";
import type { ObjectiveHead } from "../contracts/objective.ts";

/** The model with that head; the model itself where the objective has none. */
export function specWithHead(
  spec: ModelSpec,
  head: ObjectiveHead | undefined,
): ModelSpec {
  if (head === undefined) return spec;
  return { ...spec, head: { ...head, tied: false } };
}

/** Columns of a model's head: its vocabulary, where the head has no number of its own. */
export function headColumns({ head, vocabSize }: ModelSpec): number {
  return head.columns ?? vocabSize;
}
