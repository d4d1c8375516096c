/**
 * The data of a run as programs use them: examples and batches, one after the other, as training gets them.
 * @module
 */
import { type LoadedRun, loadRun } from "../../config/load.ts";
import type { WithTrust } from "../../config/trust/trust_option.ts";
import { openRegistry } from "../../config/parts/open_registry.ts";
import type { RunInput } from "../../config/types.ts";
import type { BuiltIn } from "../../contracts/built_in.ts";
import type { Batch, WeightedExample } from "../../contracts/collator.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { PreparedDataset } from "../../data/prepared/prepared_dataset.ts";
import type { DataReport } from "../../data/types.ts";
import type { PreparedRun, PrepareOptions } from "../../run/open/open_run.ts";
import { prepareRun } from "../prepare.ts";

/** How data are prepared. */
export interface PrepareDataOptions extends PrepareOptions, WithTrust {
  /** `key=value`, laid over the run as on the command line. */
  readonly overrides?: readonly string[];
}

/** One side of the data. */
export type DataSide = "train" | "eval";

/** An example as training gets it: its ids, and the weight of each of them as a target. */
export interface IteratedExample extends WeightedExample {
  /** Name of its source: the path, as a rule. */
  readonly sourceName: string;
}

/** A batch as training gets it, and its place. */
export interface IteratedBatch extends Batch {
  /** The epoch, counted from 0. */
  readonly epoch: number;
  /** The optimizer step within the epoch, counted from 0: it has `gradient_accumulation_steps` batches. */
  readonly step: number;
}

/** Prepared data. Dispose of them to close their files. */
export interface PreparedData extends Disposable {
  /** The run's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Counts: rows, examples, tokens, steps. */
  readonly report: DataReport;
  /** Every example once, in the order of the rows. Throws `ConfigError` under `data.streaming`. */
  examples(side?: DataSide): Iterable<IteratedExample>;
  /** The batches of an epoch (default 0), in the order in which training gets them. */
  batches(
    options?: { readonly side?: DataSide; readonly epoch?: number },
  ): AsyncIterable<IteratedBatch>;
}

/** `prepare` of the library. */
export async function prepare(
  builtIn: BuiltIn,
  run: RunInput | string,
  options: PrepareDataOptions = {},
): Promise<PreparedData> {
  const loaded = await loadRun({
    ...(typeof run === "string" ? { file: run } : { object: run }),
    overrides: options.overrides,
    registry: await openRegistry(builtIn, { trust: options.trust }),
  });
  return preparedData(await prepareRun(loaded, options));
}

function preparedData(opened: PreparedRun): PreparedData {
  const { run, data, tokenizer } = opened;
  const sideOf = (side: DataSide): PreparedDataset => {
    if (side === "train") return data.train;
    if (data.evaluation !== null) return data.evaluation;
    throw new ConfigError(
      "The run has no rows to evaluate on: set data.eval or data.eval_fraction",
    );
  };
  return {
    tokenizer,
    report: data.train.report,
    examples(side = "train") {
      if (side === "train") refuseStream(run);
      return examplesOf(sideOf(side));
    },
    batches({ side = "train", epoch = 0 } = {}) {
      if (side === "eval") return batchesOf(sideOf(side), epoch);
      if (data.stream !== null && epoch > 0) {
        throw new ConfigError(
          "Under `data.streaming` batches come once, from epoch 0 on",
        );
      }
      data.stream?.start();
      return batchesOf(data.feed, epoch);
    },
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

/** Refuses to go through all examples of a stream, which has none at hand. */
export function refuseStream({ config }: LoadedRun): void {
  if (!config.data.streaming) return;
  throw new ConfigError(
    "Under `data.streaming` rows are not prepared before training; set data.streaming=false",
  );
}

function* examplesOf(set: PreparedDataset): Generator<IteratedExample> {
  for (let i = 0; i < set.length; i++) {
    const { record: _, ...example } = set.example(i);
    const sourceName = set.sourceNames[example.source];
    yield { ...example, row: i, sourceName };
  }
}

async function* batchesOf(
  feed: Pick<PreparedRun["data"]["feed"], "step">,
  epoch: number,
): AsyncGenerator<IteratedBatch> {
  for (let step = 0;; step++) {
    const { batches, endsEpoch } = await feed.step(epoch, step);
    for (const batch of batches) yield { ...batch, epoch, step };
    if (endsEpoch) return;
  }
}
