/**
 * `inspect` as a function: what is trained in which rows, token by token.
 * @module
 */
import { type LoadedRun, loadRun } from "../config/load.ts";
import type { RunInput } from "../config/types.ts";
import type { BuiltIn } from "../contracts/built_in.ts";
import {
  inspectBatch,
  type InspectedToken,
  withRoles,
} from "../data/inspect.ts";
import type { PreparedDataset } from "../data/prepared/prepared_dataset.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { PreparedRun, PrepareOptions } from "../run/open/open_run.ts";
import { totalSteps } from "../data/total_steps.ts";
import { prepareRun } from "./prepare.ts";
import type { WithTrust } from "../config/trust/trust_option.ts";
import { openRegistry } from "../config/parts/open_registry.ts";

/** Which examples are looked at. */
export interface InspectOptions extends PrepareOptions, WithTrust {
  /** Index of the row in its source, counted from 0 as in errors; absent: the first rows of every source. */
  readonly row?: number;
  /** Index of the source in `data.train`, counted from 0; absent: 0 with `row`, else all. */
  readonly source?: number;
  /** Examples a source, where no row is named (default 1). */
  readonly examples?: number;
  /** `key=value`, laid over the run as on the command line. */
  readonly overrides?: readonly string[];
}

/** One example as the model sees it. */
export interface InspectedExample {
  /** Name of its source: the path, as a rule. */
  readonly source: string;
  /** Index of its row in the source, counted from 0. */
  readonly row: number;
  /** The row as read from its file, before the format parses it. */
  readonly record: unknown;
  /** Its tokens, in order. */
  readonly tokens: readonly InspectedToken[];
}

/** `inspect` of the library. */
export async function inspect(
  builtIn: BuiltIn,
  run: RunInput | string,
  options: InspectOptions = {},
): Promise<InspectedExample[]> {
  const loaded = await loadRun({
    ...(typeof run === "string" ? { file: run } : { object: run }),
    overrides: options.overrides,
    registry: await openRegistry(builtIn, { trust: options.trust }),
  });
  return await inspectRun(loaded, options);
}

/** The same, of a loaded run. */
export async function inspectRun(
  run: LoadedRun,
  options: InspectOptions = {},
): Promise<InspectedExample[]> {
  using prepared = await prepareRun(run, options);
  const { train } = prepared.data;
  const names = train.sourceNames;
  const { source, row, examples = 1 } = options;
  if (source !== undefined && !(source >= 0 && source < names.length)) {
    throw new ConfigError(
      `There is no source ${source}: data.train has ${names.length}, counted from 0`,
    );
  }
  const show = (index: number): InspectedExample => {
    const { source, record } = train.example(index);
    return {
      source: names[source],
      row: record,
      record: train.raw(index).value,
      tokens: train.inspect(index),
    };
  };
  if (row !== undefined) {
    const found = examplesOfRow(train, { source: source ?? 0, record: row });
    if (found.length === 0) {
      throw new ConfigError(
        `Row ${row} of ${
          names[source ?? 0]
        } is not among the training examples${
          prepared.data.stream === null
            ? ""
            : ` that were looked at (data.streaming: the first ${train.report.rows} rows)`
        }: there is no such row, or it was held out, dropped, or has no trained token`,
      );
    }
    return found.map(show);
  }
  const wanted = source === undefined ? [...names.keys()] : [source];
  return wanted.flatMap((s) => {
    const first = firstAtOrAfter(train, { source: s, record: 0 });
    const found: InspectedExample[] = [];
    for (let i = first; i < train.length && found.length < examples; i++) {
      if (train.example(i).source !== s) break;
      found.push(show(i));
    }
    return found;
  });
}

/** One row of a batch. */
export interface InspectedRow {
  /** Index of the micro-batch within the step, counted from 0. */
  readonly batch: number;
  /** Index of the row within its micro-batch, counted from 0. */
  readonly row: number;
  /** Its tokens, padding included. */
  readonly tokens: readonly InspectedToken[];
}

/**
 * The rows of an optimizer step, counted from 1, padding included, and how many steps the run has. A stream is
 * read up to it, once. Throws `ConfigError` for a step that the run does not have.
 */
export async function inspectStep(
  run: LoadedRun,
  step: number,
  options: PrepareOptions = {},
): Promise<{ readonly steps: number; readonly rows: InspectedRow[] }> {
  using prepared = await prepareRun(run, options);
  const { data } = prepared;
  const steps = totalSteps(data.feed, run.config.training);
  if (step < 1 || step > steps) {
    throw new ConfigError(
      `There is no step ${step}: the run has ${steps}, counted from 1`,
    );
  }
  return { steps, rows: await rowsOfStep(prepared, step) };
}

async function rowsOfStep(
  { data, tokenizer, run }: PreparedRun,
  step: number,
): Promise<InspectedRow[]> {
  if (data.stream !== null) {
    const { stream } = data;
    const { epochs } = run.config.training;
    for (let at = 1, epoch = 0, within = 0; epoch < epochs; at++) {
      const { batches, endsEpoch } = await stream.step(epoch, within);
      if (at === step) {
        const examples = stream.inspectLast();
        return batches.flatMap((batch, b) =>
          inspectBatch(batch, tokenizer).map((tokens, row) => ({
            batch: b,
            row,
            tokens: withRoles(
              tokens,
              (examples[b][row] ?? []).map((drawn) => drawn.tokens),
            ),
          }))
        );
      }
      within = endsEpoch ? 0 : within + 1;
      if (endsEpoch) epoch++;
    }
    throw new ConfigError(
      `There is no step ${step}: the data end before it, with training.epochs ${epochs}`,
    );
  }
  let epoch = 0;
  let within = step - 1;
  while (within >= data.train.stepsInEpoch(epoch)) {
    within -= data.train.stepsInEpoch(epoch);
    epoch++;
  }
  const members = data.train.members(epoch, within);
  return data.train.batches(epoch, within).flatMap((batch, b) =>
    inspectBatch(batch, tokenizer).map((tokens, row) => ({
      batch: b,
      row,
      tokens: withRoles(
        tokens,
        (members[b][row] ?? []).map((index) => data.train.inspect(index)),
      ),
    }))
  );
}

function examplesOfRow(
  set: PreparedDataset,
  place: { source: number; record: number },
): number[] {
  const found: number[] = [];
  for (let i = firstAtOrAfter(set, place); i < set.length; i++) {
    const { source, record } = set.example(i);
    if (source !== place.source || record !== place.record) break;
    found.push(i);
  }
  return found;
}

/** Index of the first example at that place or behind it: examples are ordered by source and row. */
function firstAtOrAfter(
  set: PreparedDataset,
  place: { source: number; record: number },
): number {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { source, record } = set.example(middle);
    const isBefore = source < place.source ||
      (source === place.source && record < place.record);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}
