/**
 * How a model writes, and where a saved folder says so: `generation_config.json` names the objective of a model
 * that is not to be decoded token by token.
 * @module
 */
import type { Decoding, Objective } from "../../contracts/objective.ts";

/** How a model trained with an objective writes. */
export function decodingOf(
  { attention, decoding, head }: Pick<
    Objective,
    "attention" | "decoding" | "head"
  >,
): Decoding {
  if (head !== undefined) return null; // there is no vocabulary to choose from
  if (decoding !== undefined) return decoding;
  return attention === "causal" ? "tokens" : null;
}
