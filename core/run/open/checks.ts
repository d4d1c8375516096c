/**
 * Checks between config, model and tokenizer that need no data.
 * @module
 */
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { RunConfig } from "../../config/types.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import type { OpenedModel } from "./opened_model.ts";

/** Throws for a tokenizer that the model cannot read and for rows longer than its position table. */
export function checkModelFits(
  config: RunConfig,
  model: OpenedModel,
  tokenizer: Tokenizer,
): void {
  const { spec, name } = model;
  if (tokenizer.vocabSize > spec.vocabSize) {
    throw new DataError(
      `The tokenizer has ${tokenizer.vocabSize} tokens, but ${name} has rows for ${spec.vocabSize}; use the tokenizer that belongs to the model`,
    );
  }
  if (
    spec.positionsAreBounded && spec.maxPositions !== null &&
    config.data.max_length > spec.maxPositions
  ) {
    throw new ConfigError(
      `data.max_length is ${config.data.max_length}, but ${name} has ${spec.maxPositions} positions; set data.max_length=${spec.maxPositions} or less`,
    );
  }
}
