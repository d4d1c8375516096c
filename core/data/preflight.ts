/**
 * What must hold before a run starts: something is trained, the model learns to stop, ids are in range.
 * @module
 */
import { ConfigError, DataError } from "../contracts/errors.ts";
import type { PreparedDataset } from "./prepared/prepared_dataset.ts";

/** What the data are checked against. */
export interface PreflightOptions {
  /** Rows of the model's embedding. */
  readonly modelVocabSize: number;
  /** Whether a run may start whose ends are never trained. */
  readonly allow_unlearned_end: boolean;
  /** Whether the set has only the first rows of a stream: errors say so. */
  readonly firstRows?: boolean;
  /** Whether every row must have a prompt, which is not trained. */
  readonly needsPrompts?: boolean;
}

/**
 * Refuses data from which the run would learn something else than was meant. Throws `DataError` with a
 * decoded sample, «trained text» in marks; gives sentences worth saying otherwise.
 */
export function preflight(
  dataset: PreparedDataset,
  options: PreflightOptions,
): string[] {
  const { report, statistics } = dataset;
  const notices: string[] = [];
  const noRow = options.firstRows
    ? `None of the first ${report.rows} rows`
    : "No row";
  if (report.largestId >= options.modelVocabSize || statistics.smallestId < 0) {
    const id = statistics.smallestId < 0
      ? statistics.smallestId
      : report.largestId;
    throw new DataError(
      `The tokenizer gives the id ${id}, and the model has ${options.modelVocabSize} of them (0 to ${
        options.modelVocabSize - 1
      }); use the tokenizer that belongs to the model`,
    );
  }
  if (report.rowsWithTrainedEnd === 0) {
    const sample = statistics.firstWithoutEnd === null
      ? ""
      : `\n${dataset.sample(statistics.firstWithoutEnd)}`;
    const why = report.rowsWithEnd === 0
      ? "the template writes no end after the model's turns (has the tokenizer an end token?)"
      : "every end is cut off or masked (see max_length, truncation and the weights of turns)";
    if (!options.allow_unlearned_end) {
      throw new DataError(
        `${noRow} trains the token that ends the model's turn, so it would never learn to stop: ${why}. ` +
          `Set data.allow_unlearned_end=true if this is meant. A row, with what is trained in «marks»:${sample}`,
      );
    }
    notices.push(
      `${noRow} trains the token that ends a turn (${why}); the model may not learn to stop.`,
    );
  }
  const { promptlessRows, firstPromptless } = statistics;
  if (options.needsPrompts === true && firstPromptless !== null) {
    throw new DataError(
      `src_mask must be provided: with training_mode sft only the tokens of answers are hidden, and ${promptlessRows} of ${
        options.firstRows ? "the first " : ""
      }${report.rows} rows have no prompt; all of their tokens are trained. ` +
        `Use rows of prompts and answers (formats alpaca, sharegpt, custom, ...) with data.masker auto, or set training_mode=pretrain. A row, with what is trained in «marks»:\n${
          dataset.sample(firstPromptless)
        }`,
    );
  }
  if (report.doubleBosRows > 0) {
    const sample = statistics.firstDoubleBos === null
      ? ""
      : `\n${dataset.sample(statistics.firstDoubleBos)}`;
    throw new ConfigError(
      `${report.doubleBosRows} of ${
        options.firstRows ? "the first " : ""
      }${report.rows} rows start with two BOS tokens, one written by the data or the template ` +
        `and one by the tokenizer; take it out of the data, or choose a template that does not write it. A row:${sample}`,
    );
  }
  return notices;
}
