/**
 * What an indexed set is checked for before the first step, as far as a stream can be: while it runs.
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import { buildExamples, parseRecord } from "../examples/build_examples.ts";
import { sampleOf } from "../prepared/prepared_dataset.ts";
import { checkBadRows } from "../prepared/prepare_rows.ts";
import { Statistics } from "../statistics.ts";
import type { DataOptions } from "../types.ts";
import type { DrawPipeline } from "./prepare_draw.ts";
import type { Range } from "./range_queue.ts";
import type { PreparedDraw } from "./types.ts";

/** Rows over which the share of those that train nothing is judged. */
const WINDOW = 1000;

/** What rows are checked against. */
export interface RunningChecksInit {
  readonly pipelines: readonly DrawPipeline[];
  readonly tokenizer: Tokenizer;
  readonly options: DataOptions;
  /** Ids that the model has; null: not known. */
  readonly vocabulary: number | null;
}

/** Counts rows as they come, and stops the run as soon as too many are wrong. */
export class RunningChecks {
  /** Counts of all rows so far. */
  readonly statistics: Statistics;
  readonly #of: RunningChecksInit;
  #rows = 0;
  #skipped = 0;
  #untrained: { row: RawRecord; source: number } | null = null;

  constructor(of: RunningChecksInit) {
    this.#of = of;
    this.statistics = new Statistics(of.pipelines.length);
  }

  /** Takes rows that come after all others. Throws `DataError`, and what was wrong with a row. */
  accept({ rows }: Range, { statistics, failure }: PreparedDraw): void {
    if (failure !== null) throw failure.error;
    const { vocabulary, options } = this.#of;
    this.statistics.merge(statistics);
    checkBadRows(this.statistics, options);
    const { largestId, smallestId } = statistics;
    if (vocabulary !== null && (largestId >= vocabulary || smallestId < 0)) {
      throw new DataError(
        `The tokenizer gives the id ${
          smallestId < 0 ? smallestId : largestId
        }, and the model has ${vocabulary} of them (0 to ${
          vocabulary - 1
        }); use the tokenizer that belongs to the model`,
      );
    }
    const place = statistics.firstUntrained;
    if (place !== null && this.#untrained === null) {
      const found = rows.find((row) =>
        row.source === place.source && row.record.where.index === place.record
      );
      if (found !== undefined) {
        const row = this.#of.pipelines[found.source].parse(found);
        this.#untrained = { row, source: found.source };
      }
    }
    this.#rows += statistics.rows;
    this.#skipped += statistics.untrainedRows + statistics.refusedRows;
    const allowed = options.max_untrained_share *
      Math.max(WINDOW, this.#rows);
    if (this.#skipped > allowed) this.#refuse();
    if (this.#rows >= WINDOW) this.#rows = this.#skipped = 0;
  }

  #refuse(): never {
    const { options } = this.#of;
    const { firstRefusal } = this.statistics;
    throw new DataError(
      `${this.#skipped} of ${this.#rows} successive rows have no trained token, more than max_untrained_share ${options.max_untrained_share} of ${WINDOW} allows: the masker, the weights of turns or max_length ${options.max_length} leave nothing to train${
        firstRefusal === null
          ? ""
          : `, or character spans could not be verified (the first: ${firstRefusal})`
      }.${this.#sample()}`,
    );
  }

  #sample(): string {
    if (this.#untrained === null) return "";
    const { row, source } = this.#untrained;
    const { tokenizer, options, pipelines } = this.#of;
    const { format, template, masker } = pipelines[source];
    const pipeline = { tokenizer, template, masker, options };
    const built = buildExamples(parseRecord(row, format), row, pipeline);
    if (built.refused !== null) return "";
    return ` Trained text would stand in «marks»; ${
      sampleOf(built.pieces, { where: row.where, tokenizer })
    }`;
  }
}
