/**
 * Rows in the order of their epoch, made into examples: the same on the main thread and in workers.
 * @module
 */
import type { RawRecord, Where } from "../../contracts/source.ts";
import { DataError } from "../../contracts/errors.ts";
import { buildExamples, parseRecord } from "../examples/build_examples.ts";
import { type InspectedToken, inspectExample } from "../inspect.ts";
import { rowBuilders } from "../prepared/build_rows.ts";
import { ExamplePacker } from "../prepared/packed_examples.ts";
import {
  keepBuilt,
  type RowPipeline,
  skipsBad,
} from "../prepared/prepare_rows.ts";
import { isTrained } from "../examples/truncate.ts";
import { Statistics } from "../statistics.ts";
import type { DrawnRow, PreparedDraw } from "./types.ts";

/** What the rows of one source are finished and made into examples with. */
export interface DrawPipeline extends RowPipeline {
  /** Finishes a row that was read. */
  parse(row: DrawnRow): RawRecord;
}

/** An example of a stream, and the row that it was made of. */
export interface InspectedDraw {
  /** Index of its source. */
  readonly source: number;
  readonly where: Where;
  readonly tokens: readonly InspectedToken[];
}

/** The tokens of an example, made anew; `piece` counts those of its row that are trained on. */
export function inspectDrawn(
  row: DrawnRow,
  piece: number,
  pipeline: DrawPipeline,
): InspectedDraw {
  const raw = pipeline.parse(row);
  const example = parseRecord(raw, pipeline.format);
  const built = buildExamples(example, raw, pipeline);
  if (built.refused !== null) throw new DataError(built.refused);
  const trained = built.pieces.filter(isTrained);
  return {
    source: row.source,
    where: raw.where,
    tokens: inspectExample(trained[piece], pipeline.tokenizer),
  };
}

/** Prepares rows up to the first that is wrong. */
export function prepareDraw(
  rows: readonly DrawnRow[],
  pipelines: readonly (DrawPipeline | undefined)[],
): PreparedDraw {
  const statistics = new Statistics(pipelines.length);
  const packer = new ExamplePacker();
  const madeOf: number[] = [];
  let failure: PreparedDraw["failure"] = null;
  const pipelineOf = ({ source }: DrawnRow): DrawPipeline => {
    const pipeline = pipelines[source];
    if (pipeline !== undefined) return pipeline;
    throw new RangeError(`There is no source ${source}`);
  };
  const builders = rowBuilders(rows.map((row) => {
    const pipeline = pipelineOf(row);
    return { pipeline, read: () => pipeline.parse(row) };
  }));
  for (const [r, row] of rows.entries()) {
    const pipeline = pipelineOf(row);
    try {
      const made = keepBuilt(builders[r](), pipeline, {
        statistics,
        packer,
        record: row.record.where.index,
      });
      for (let i = 0; i < made; i++) madeOf.push(r);
    } catch (error) {
      const place = { source: row.source, record: row.record.where.index };
      if (skipsBad(error, pipeline.options, { statistics, place })) continue;
      failure = { error };
      break;
    }
  }
  return {
    packed: packer.take(),
    rows: Uint32Array.from(madeOf),
    statistics,
    failure,
  };
}
