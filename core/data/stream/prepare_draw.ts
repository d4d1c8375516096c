/**
 * Rows in the order of their epoch, made into examples: the same on the main thread and in workers.
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import { ExamplePacker } from "../packed_examples.ts";
import { prepareRecord, type RowPipeline } from "../prepare_rows.ts";
import { Statistics } from "../statistics.ts";
import type { DrawnRow, PreparedDraw } from "./types.ts";

/** What the rows of one source are finished and made into examples with. */
export interface DrawPipeline extends RowPipeline {
  /** Finishes a row that was read. */
  parse(row: DrawnRow): RawRecord;
}

/** Prepares rows up to the first that is wrong. */
export function prepareDraw(
  rows: readonly DrawnRow[],
  pipelines: readonly (DrawPipeline | undefined)[],
): PreparedDraw {
  const statistics = new Statistics(pipelines.length);
  const packer = new ExamplePacker();
  const sources: number[] = [];
  let failure: PreparedDraw["failure"] = null;
  for (const row of rows) {
    const pipeline = pipelines[row.source];
    if (pipeline === undefined) {
      throw new RangeError(`There is no source ${row.source}`);
    }
    try {
      const made = prepareRecord(pipeline.parse(row), pipeline, {
        statistics,
        packer,
        record: row.record.where.index,
      });
      for (let i = 0; i < made; i++) sources.push(row.source);
    } catch (error) {
      failure = { error };
      break;
    }
  }
  return {
    packed: packer.take(),
    sources: Uint32Array.from(sources),
    statistics,
    failure,
  };
}
