/**
 * The one list of the options of the data pipeline that are values: keys of `data` in the run file. From it come
 * their types, their schema, their defaults, the key of the prepared cache and what a resumed run may change.
 *
 * A new option is one entry here (its type, and its row of the list) and the code that uses it.
 * @module
 */
import { z } from "zod";
import type { BoundaryToken } from "../../contracts/masker.ts";

/** What happens to an example that is longer than `max_length`. */
export type Truncation =
  | "drop"
  | "error"
  | "keep-start"
  | "keep-end"
  | "drop-oldest-turns"
  | "trim-prompt"
  | "split";

/** When an epoch over weighted sources ends. */
export type Stopping = "first_exhausted" | "all_exhausted";

/** What the weights of sources are shares of: examples, or trained tokens. */
export type WeightBy = "rows" | "tokens";

/** Rows that are held out by what they say of themselves. */
export interface EvalHoldout {
  /** Categories all of whose rows are held out. */
  readonly category: readonly string[];
}

/** The options of the data pipeline that are values. */
export interface DataValues {
  /** Share of the training rows kept for evaluation, by a hash of (seed, content), in [0, 1). */
  readonly eval_fraction: number;
  /** Training rows kept for evaluation whole categories at a time; null: none. */
  readonly eval_holdout: EvalHoldout | null;
  /** Whether system messages of the data are used. */
  readonly include_system_prompt: boolean;
  /** Tokens an example (a pack, if packed) may have. */
  readonly max_length: number;
  /** What happens to longer examples. */
  readonly truncation: Truncation;
  /** Whether each epoch has an order of its own. */
  readonly shuffle: boolean;
  /** What happens to a token that straddles trained and untrained text. */
  readonly boundary_token: BoundaryToken;
  /** When an epoch over weighted sources ends. */
  readonly stopping: Stopping;
  /** What the weights of sources are shares of: rows, or trained tokens. */
  readonly weight_by: WeightBy;
  /** Read rows as they are trained on, without an index. */
  readonly streaming: boolean;
  /** Rows among which the next one is drawn under `streaming`. */
  readonly shuffle_buffer: number;
  /** Threads that prepare rows; 1: the main thread alone. */
  readonly workers: "auto" | number;
  /** Whether prepared rows are kept on disk for the next run. */
  readonly cache: boolean;
  /** Size of all kept rows, in GB; those unused for longest go first. */
  readonly cache_max_gb: number;
  /** What happens to a row that cannot be read, or that its format refuses. */
  readonly on_bad_row: "error" | "skip";
  /** Rows that may be skipped so, in a set or in a pass over a stream; null: any. */
  readonly max_bad_rows: number | null;
  /** Share of examples without a trained token above which the run is refused, in [0, 1]. */
  readonly max_untrained_share: number;
  /** Train although no example teaches the model to end its turn. */
  readonly allow_unlearned_end: boolean;
}

/**
 * What an option changes. `tokens`: which examples there are, their ids, weights or counts, so that prepared rows
 * of another value are no use. `order`: how examples become steps. `nothing`: how fast it goes, or what is refused.
 */
export type Changes = "tokens" | "order" | "nothing";

/** An option of the data pipeline. */
export interface DataOption<T> {
  /** What it may be. */
  readonly schema: z.ZodType<T, T>;
  /** What it is where nothing is written. */
  readonly default: T;
  /** The default under `training_mode: pretrain`, where that is another. */
  readonly pretrain?: T;
  /** What it changes. */
  readonly changes: Changes;
  /** For people: a sentence or two. */
  readonly description: string;
}

/** Every option. */
export const DATA_OPTIONS: {
  readonly [K in keyof DataValues]: DataOption<DataValues[K]>;
} = {
  eval_fraction: {
    schema: z.number().min(0).lt(1),
    default: 0,
    changes: "tokens",
    description:
      "Share of the training rows kept for evaluation, picked by a hash of (seed, row).",
  },
  eval_holdout: {
    schema: z.strictObject({
      category: z.array(z.string()).min(1).readonly().describe(
        "Categories, as the rows name them.",
      ),
    }).nullable(),
    default: null,
    changes: "tokens",
    description:
      "Whole categories of the training rows kept for evaluation: `{category: [poetry]}` measures what the model was never trained on.",
  },
  include_system_prompt: {
    schema: z.boolean(),
    default: true,
    changes: "tokens",
    description: "Whether system messages of the data are used.",
  },
  max_length: {
    schema: z.int().min(2),
    default: 1024,
    changes: "tokens",
    description: "Tokens an example (a pack, if packed) may have.",
  },
  truncation: {
    schema: z.enum([
      "drop",
      "error",
      "keep-start",
      "keep-end",
      "drop-oldest-turns",
      "trim-prompt",
      "split",
    ]),
    default: "drop-oldest-turns",
    pretrain: "split",
    changes: "tokens",
    description: "What happens to longer examples. Pretrain: `split`.",
  },
  shuffle: {
    schema: z.boolean(),
    default: true,
    changes: "order",
    description: "Whether each epoch has an order of its own.",
  },
  boundary_token: {
    schema: z.enum(["mask", "train", "split"]),
    default: "mask",
    changes: "tokens",
    description:
      "What happens to a token that straddles trained and untrained text.",
  },
  stopping: {
    schema: z.enum(["first_exhausted", "all_exhausted"]),
    default: "first_exhausted",
    changes: "order",
    description: "When an epoch over weighted sources ends.",
  },
  weight_by: {
    schema: z.enum(["rows", "tokens"]),
    default: "rows",
    changes: "order",
    description:
      "What the weights of sources are shares of: rows, or trained tokens.",
  },
  streaming: {
    schema: z.boolean(),
    default: false,
    changes: "order",
    description:
      "Read rows as they are trained on, for sets that are too large to be indexed: no row is prepared before, memory does not grow with the rows. Needs `training.max_steps`.",
  },
  shuffle_buffer: {
    schema: z.int().min(1),
    default: 10_000,
    changes: "order",
    description:
      "Rows among which the next one is drawn under `streaming` (fewer, where they have more than 268 million characters).",
  },
  workers: {
    schema: z.union([z.literal("auto"), z.int().min(1).max(64)]),
    default: 1,
    changes: "nothing",
    description:
      "Threads that prepare rows. 1: the main thread alone; N: the main thread and N - 1 workers; `auto`: as many as there are cores, at most 8, for large sets: sooner on idle cores, and some 100 MB more memory for each worker. Under `streaming`, N workers prepare rows while the main thread trains.",
  },
  cache: {
    schema: z.boolean(),
    default: true,
    changes: "nothing",
    description:
      "Whether prepared rows are kept on disk, so that the next run on them starts at once.",
  },
  cache_max_gb: {
    schema: z.number().min(0),
    default: 20,
    changes: "nothing",
    description:
      "Size of all kept rows, in GB; those unused for longest are removed.",
  },
  on_bad_row: {
    schema: z.enum(["error", "skip"]),
    default: "error",
    changes: "nothing",
    description:
      "What happens to a row that cannot be read, or that its format refuses: `error`, or `skip` and count it.",
  },
  max_bad_rows: {
    schema: z.int().min(0).nullable(),
    default: 100,
    changes: "nothing",
    description:
      "Rows that may be skipped under `on_bad_row: skip`; more end the run. null: any.",
  },
  max_untrained_share: {
    schema: z.number().min(0).max(1),
    default: 0.5,
    changes: "nothing",
    description:
      "Share of examples without a trained token above which the run is refused.",
  },
  allow_unlearned_end: {
    schema: z.boolean(),
    default: false,
    changes: "nothing",
    description: "Train although no example teaches the model to end its turn.",
  },
};

/** Names of the options, or of those that change this. */
export function dataOptionNames(changes?: Changes): (keyof DataValues)[] {
  return optionNames().filter((name) =>
    changes === undefined || DATA_OPTIONS[name].changes === changes
  );
}

/** The options of any object that has them all, or those that change this. */
export function dataValues(
  from: DataValues,
  changes?: Changes,
): Partial<DataValues> {
  const values: { -readonly [K in keyof DataValues]?: DataValues[K] } = {};
  const put = <K extends keyof DataValues>(name: K) => {
    values[name] = from[name];
  };
  for (const name of dataOptionNames(changes)) put(name);
  return values;
}

/** What each option is where nothing is written, in sft. */
export function dataDefaults(): DataValues {
  const values: { -readonly [K in keyof DataValues]?: DataValues[K] } = {};
  const put = <K extends keyof DataValues>(name: K) => {
    values[name] = DATA_OPTIONS[name].default;
  };
  for (const name of dataOptionNames()) put(name);
  return complete(values);
}

/** The options as keys of a schema; `pretrain` has other defaults. */
export function dataOptionsShape(pretrain: boolean): DataShape {
  const shape: Record<string, z.ZodType> = {};
  for (const name of dataOptionNames()) {
    const option: DataOption<unknown> = DATA_OPTIONS[name];
    const other = pretrain ? option.pretrain : undefined;
    shape[name] = option.schema.default(other ?? option.default)
      .describe(option.description);
  }
  const isShape = (of: Record<string, z.ZodType>): of is DataShape =>
    optionNames().every((name) => name in of);
  if (!isShape(shape)) throw new RangeError("An option is missing");
  return shape;
}

/** Schemas of the options, with their defaults. */
export type DataShape = {
  readonly [K in keyof DataValues]: z.ZodType<
    DataValues[K],
    DataValues[K] | undefined
  >;
};

/** The same object, seen to have every option. */
function complete<T>(
  values: { readonly [K in keyof T]?: T[K] },
): { readonly [K in keyof T]: T[K] } {
  const isComplete = (
    of: typeof values,
  ): of is { readonly [K in keyof T]: T[K] } =>
    optionNames().every((name) => name in of);
  if (!isComplete(values)) throw new RangeError("An option is missing");
  return values;
}

function optionNames(): (keyof DataValues)[] {
  const isName = (name: string): name is keyof DataValues =>
    name in DATA_OPTIONS;
  return Object.keys(DATA_OPTIONS).filter(isName);
}
