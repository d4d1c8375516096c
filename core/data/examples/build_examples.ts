/**
 * One record on its way to examples: parsed, rendered, encoded, masked, truncated.
 * @module
 */
import type { Format, ParsedExample } from "../../contracts/format.ts";
import type { RawRecord } from "../../contracts/source.ts";
import type { WeightedText } from "./weighted_text.ts";
import {
  DataError,
  isDenotuneError,
  messageOf,
  PluginError,
} from "../../contracts/errors.ts";
import {
  type ExamplePipeline,
  tokenizeExample,
  UnverifiedSpans,
} from "./tokenize_example.ts";
import { type Piece, truncate } from "./truncate.ts";
import { describeWhere } from "../where.ts";

/** What became of a record. */
export type Built =
  | {
    readonly refused: null;
    /** Before truncation. */
    readonly text: WeightedText;
    /** After it: none where the row is dropped. */
    readonly pieces: readonly Piece[];
  }
  /** The tokenizer could not say which characters its tokens come from. */
  | { readonly refused: string };

/** The example of a record. Errors name the place. */
export function parseRecord(record: RawRecord, format: Format): ParsedExample {
  return located(record, () => format.parse(record));
}

/** Tokens and weights of an example. Errors name the place. */
export function buildExamples(
  example: ParsedExample,
  record: RawRecord,
  pipeline: ExamplePipeline,
): Built {
  return located(record, () => {
    let text: WeightedText;
    try {
      text = tokenizeExample(example, pipeline);
      return { refused: null, text, pieces: truncate(text, pipeline) };
    } catch (error) {
      if (!(error instanceof UnverifiedSpans)) throw error;
      return { refused: `${describeWhere(record.where)}: ${error.message}` };
    }
  });
}

/** What a part throws that has not been asked yet: the row is built again with its answer. */
export const NOT_YET = new Error("the answer of a part is not there yet");

/** Runs a part on a record; an error that does not name the record's place gets it. */
function located<T>({ where }: RawRecord, run: () => T): T {
  const { path, line, index } = where; // before a part of a plugin can change them
  try {
    return run();
  } catch (cause) {
    if (cause === NOT_YET) throw cause;
    const place = describeWhere({ path, line, index });
    if (!isDenotuneError(cause)) {
      const message = messageOf(cause);
      throw new PluginError(
        `${place}: a part of the data pipeline failed: ${message}`,
        { cause },
      );
    }
    if (cause.message.includes(place)) throw cause;
    if (cause.name === "PluginError") {
      throw new PluginError(`${place}: ${cause.message}`, { cause });
    }
    throw new DataError(`${place}: ${cause.message}`, { cause });
  }
}
