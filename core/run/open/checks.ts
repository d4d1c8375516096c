/**
 * Checks between config, model and tokenizer that need no data.
 * @module
 */
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { RunConfig } from "../../config/types.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import type { OpenedModel } from "./opened_model.ts";

/**
 * What to say of rows that are longer than what the model was made for, where its positions have no table: they
 * train, on positions that it has not seen, and it is asked for no more than it was made for. Null where none is.
 */
export function describeLongRows(
  { spec, name }: OpenedModel,
  longest: number,
): string | null {
  const { maxPositions, positionsAreBounded } = spec;
  if (positionsAreBounded || maxPositions === null || longest <= maxPositions) {
    return null;
  }
  return `The longest example has ${longest} tokens, but ${name} was made for ${maxPositions} positions: longer rows train on positions that it has not seen, and generation ends at ${maxPositions}. data.max_length=${maxPositions} cuts them as data.truncation says`;
}

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
