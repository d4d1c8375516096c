/**
 * From opened sources to a stream of batches.
 * @module
 */
import type { Collator } from "../../contracts/collator.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { sharesOf } from "../prepared/epoch_order.ts";
import type { PreparedDataset } from "../prepared/prepared_dataset.ts";
import type { PrepareWorkers } from "../prepared/request.ts";
import { SAMPLE_ROWS, sampleRecords } from "../examples/detect_format.ts";
import { DATA_DEFAULTS, type DataOptions, type DataSource } from "../types.ts";
import { identityOf, type OpenCommand } from "../workers/protocol.ts";
import { DrawPreparer } from "./draw_preparer.ts";
import type { DrawPipeline } from "./prepare_draw.ts";
import { RunningChecks } from "./running_checks.ts";
import { StreamedDataset } from "./streamed_dataset.ts";
import type { StreamSource } from "./types.ts";

/** A source that is streamed; its store has the first rows. */
export interface StreamableSource extends DataSource {
  readonly stream: StreamSource | null;
}

/** What a stream is opened with. */
export interface OpenStreamRequest {
  /** The first rows, prepared. */
  readonly set: PreparedDataset;
  readonly collator: Collator;
  /** What differs from the defaults. */
  readonly options: Partial<DataOptions>;
  /** Rows of the shuffle buffer. */
  readonly buffer: number;
  /** Null: all rows are prepared on this thread. */
  readonly workers: PrepareWorkers | null;
  readonly context: {
    readonly tokenizer: Tokenizer;
    readonly vocabulary?: number;
    readonly cacheDir: string;
    readonly signal?: AbortSignal;
    readonly creating: {
      readonly host: { notice(message: string): void };
    };
  };
}

/** Opens a stream; no row is read before its first step. */
export function openStream(
  sources: readonly StreamableSource[],
  request: OpenStreamRequest,
): StreamedDataset {
  const { collator, buffer, workers, context, set } = request;
  const { tokenizer, signal, vocabulary = null } = context;
  const options: DataOptions = { ...DATA_DEFAULTS, ...request.options };
  const streams = sources.map(streamOf);
  const pipelines = sources.map((source, k): DrawPipeline => ({
    source: k,
    sources: sources.length,
    format: source.format,
    template: source.template,
    masker: source.masker,
    tokenizer,
    options,
    side: "all",
    parse: (row) => streams[k].parse(row),
  }));
  return new StreamedDataset({
    sources: sources.map(({ name, max_rows, epochs }, k) => ({
      name,
      stream: streams[k],
      maxRows: max_rows ?? null,
      passes: epochs ?? null,
    })),
    shares: sharesOf(sources),
    tokenizer,
    collator,
    options,
    buffer,
    pipelines,
    preparer: new DrawPreparer({
      pipelines,
      options,
      workers: workers === null ? null : {
        count: workers.count,
        command: openCommand(sources, { workers, options, context }),
      },
      signal,
      onNotice: (message) => context.creating.host.notice(message),
    }),
    checks: new RunningChecks({
      pipelines,
      tokenizer,
      options,
      vocabulary,
    }),
    first: set.fingerprint,
    signal,
  });
}

/** Workers open no files: rows are sent to them as they were read. */
function openCommand(
  sources: readonly StreamableSource[],
  { workers, options, context }: {
    readonly workers: PrepareWorkers;
    readonly options: DataOptions;
    readonly context: OpenStreamRequest["context"];
  },
): OpenCommand {
  const { recipe } = workers;
  return {
    type: "open",
    recipe: {
      ...recipe,
      sources: recipe.sources.map((source) =>
        source === null ? null : { ...source, parts: null }
      ),
    },
    sources: sources.map(({ name, store }, k) => ({
      name,
      side: "all",
      length: store.length,
      fingerprint: null,
      sample: recipe.sources[k]?.detected == null
        ? null
        : sampleRecords(store, SAMPLE_ROWS),
    })),
    tokenizer: identityOf(context.tokenizer),
    options,
    cacheDir: context.cacheDir,
  };
}

function streamOf({ name, stream }: StreamableSource): StreamSource {
  if (stream === null) throw new RangeError(`${name} is not a stream`);
  return stream;
}
