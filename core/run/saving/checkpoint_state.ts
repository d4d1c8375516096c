/**
 * What `state.json` of a checkpoint holds, checked when it is read: it may be of another version, or edited. What
 * older versions did not write has a default; what cannot be resumed is refused with the reason.
 * @module
 */
import { z } from "zod";
import type { ConfigData } from "../../config/resolved.ts";
import { DataError } from "../../contracts/errors.ts";
import type { StatisticsData } from "../../data/statistics.ts";
import type { StreamPosition } from "../../data/stream/types.ts";
import { isObject, type JsonObject } from "../../io/json_file.ts";
import type { TrainerState } from "../loop/trainer_state.ts";

/** Version of the layout below. */
export const CHECKPOINT_FORMAT = 1;

/** What `state.json` holds. */
export interface CheckpointState {
  readonly format: number;
  readonly state: TrainerState;
  /** The run's settings, as `config.resolved.yaml` has them. */
  readonly config: ConfigData;
  /** Hash of everything that batches depend on; of a stream, of its settings. */
  readonly data: string;
  /** Where a stream resumes; null, or absent in older checkpoints, for a data set with random access. */
  readonly stream?: StreamPosition | null;
  /** What results depend on in the last bit. */
  readonly device: string;
}

const count = z.int().nonnegative();
/** A sum; JSON writes null for what is not finite. */
const sum = z.number().nullable().transform((value) => value ?? NaN);

const windowSums = z.looseObject({
  steps: count,
  lossSum: sum,
  correctSum: sum,
  weight: sum,
  realTokens: count,
  paddedTokens: count,
  rows: count,
  gradNorm: sum,
  sourceLoss: z.array(sum),
  sourceWeight: z.array(sum),
  metrics: z.record(z.string(), z.object({ sum, weight: sum })).default({}),
});

const trainerState = z.looseObject({
  step: count,
  epoch: count,
  stepInEpoch: count,
  epochLossSum: sum,
  epochWeight: sum,
  epochTrainedTokens: count,
  epochSeconds: sum.optional(),
  evaluationDue: z.boolean().default(false),
  measured: z.array(z.object({ step: count, value: sum })).optional(),
  trainedTokens: count,
  skippedUpdates: count,
  lossScale: z.object({ scale: z.number().nonnegative(), goodSteps: count })
    .optional(),
  window: windowSums,
});

const text = z.string();
const cursorPlace = z.object({ row: count, length: count.nullable() });

const streamPosition = z.object({
  epoch: count,
  sources: z.array(cursorPlace),
  used: z.object({
    rows: count,
    hash: text,
    tokens: z.object({ rows: count, hash: text }),
  }),
  sizes: z.array(z.array(z.number())),
  first: text,
  drawn: count,
  skip: count,
  counts: z.custom<StatisticsData>((value) =>
    isObject(value) && Array.isArray(value.sources) &&
    typeof value.rows === "number"
  ),
  block: count,
  firstRow: count,
  rows: count,
});

const checkpoint = z.looseObject({
  format: z.literal(CHECKPOINT_FORMAT),
  state: trainerState,
  config: z.custom<ConfigData>(isObject),
  data: text,
  stream: streamPosition.nullable().optional(),
  device: text,
});

/** Checks the content of `state.json`. Throws `DataError` naming the file and the value. */
export function parseCheckpointState(
  found: JsonObject,
  path: string,
): CheckpointState {
  if (found.format !== CHECKPOINT_FORMAT) {
    throw new DataError(
      `${path} has checkpoint format ${
        String(found.format)
      }; this denotune reads ${CHECKPOINT_FORMAT}`,
    );
  }
  if (isObject(found.stream) && !("used" in found.stream)) {
    throw new DataError(
      `${path} was written by an older denotune, which recorded other things of streamed rows, so this one cannot find the place in the data. Finish the run with the version that began it, or start anew with training.resume=never (the old folder is renamed)`,
    );
  }
  const { data, error } = checkpoint.safeParse(found);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw new DataError(
    `${path}: ${
      issue.path.join(".")
    }: ${issue.message}; the file was edited, or another program wrote it. Resume from another checkpoint, or start anew with training.resume=never`,
    { cause: error },
  );
}
