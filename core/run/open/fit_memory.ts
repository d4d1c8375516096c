/**
 * `memory: auto`: a run that is too large as it is written becomes one that fits. What changes no numbers but their
 * rounding is tried first: smaller micro-batches, more of them in a step; then computing activations again; then
 * frozen weights in fewer bits. Rows keep their length, and a step its examples. Every choice is planned, none guessed.
 */
import { join } from "node:path";
import type { LoadedRun } from "../../config/load.ts";
import { type ConfigData, readResolvedFile } from "../../config/resolved.ts";
import type { ModelConfig, RunConfig } from "../../config/types.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import type { Creating } from "../../config/parts/create_part.ts";
import type { Collective } from "../../contracts/collective.ts";
import type { EngineRequest } from "../../engine/engine_request.ts";
import { planEngine } from "../../engine/plan_engine.ts";
import { QUANTIZATIONS } from "../../graph/dtype.ts";
import { showBytes } from "../../show_numbers.ts";
import { RESOLVED } from "../log/run_files.ts";
import { mayContinue } from "../run_folder.ts";
import { openDevice } from "./choose_backend.ts";
import { type MemoryNeed, memoryNeed } from "./memory_check.ts";
import {
  choiceOf,
  isBaseFrozen,
  type MemoryChoice,
  requestWith,
  wordsOf,
} from "./memory_choice.ts";
import type { modelFolderOf } from "./open_model.ts";
import { openRun, planRun, type PrepareOptions } from "./open_run.ts";
import { STORAGE } from "./plan_request.ts";

/** Tokens of a micro-batch below which products are small: activations are computed again before it gets smaller. */
const FEW_TOKENS = 512;

/** Bytes that the process may grow by while it opens the run again with what was chosen. */
const MARGIN = 32 * 2 ** 20;

/**
 * What a run with `memory: auto` is trained with. A run that was begun keeps what it began with. Where nothing fits, it
 * is the choice that is written: opening the run says what would fit. Throws what opening it throws.
 */
export async function chooseMemory(
  run: LoadedRun,
  { located, creating, collective }: {
    readonly located: Awaited<ReturnType<typeof modelFolderOf>>;
    readonly creating: Creating;
    readonly collective?: Collective;
  },
  options: PrepareOptions = {},
): Promise<MemoryChoice> {
  const { config } = run;
  const written = choiceOf(config);
  const begun = await begunWith(config);
  if (begun !== null) return begun;
  using opened = await openRun(run, { located, creating }, {
    ...options,
    onNotice: undefined, // it is opened again, and says it then
  });
  const { request } = await planRun(opened, { collective, trains: true });
  const chosen = await openDevice(run, opened.creating);
  await using device = chosen.device;
  const { info } = device;
  const needOf = (choice: MemoryChoice) =>
    memoryNeed(
      planEngine(requestWith(request, choice), info),
      info,
      config.memory_limit,
    );
  const fits = ({ total, limit, runtime }: MemoryNeed, margin: number) =>
    total + (runtime === 0 ? 0 : margin) <= limit;
  const share = ({ total, limit }: MemoryNeed) =>
    `${showBytes(total)} of ${showBytes(limit)}`;
  const need = needOf(written);
  if (fits(need, MARGIN)) {
    options.onNotice?.(
      `memory: auto changes nothing, the run fits as it is written: ${
        share(need)
      }`,
    );
    return written;
  }
  for (const margin of [MARGIN, 0]) {
    const found = mildest(
      request,
      written,
      (choice) => fits(needOf(choice), margin),
    );
    if (found === null) continue;
    options.onNotice?.(
      `memory: auto chose ${wordsOf(written, found)}: ${
        share(needOf(found))
      }; as written the run needs ${showBytes(need.total)}`,
    );
    return found;
  }
  return written;
}

/** The first choice that fits; null: none does. */
function mildest(
  request: EngineRequest,
  written: MemoryChoice,
  fits: (choice: MemoryChoice) => boolean,
): MemoryChoice | null {
  const { train } = request;
  if (train === null) return null;
  const { training, model } = written;
  const examples = training.batch_size * training.gradient_accumulation_steps;
  const sizes = sizesOf(examples, training.batch_size);
  const sizesApart = sizes.filter((size, i) =>
    i === 0 || size * train.T >= FEW_TOKENS
  );
  for (const storage of storagesOf(request, model)) {
    for (
      const [checkpointing, batches] of [
        [training.gradient_checkpointing, sizesApart],
        [true, sizes],
      ] as const
    ) {
      const choices = batches.map((batch_size): MemoryChoice => ({
        training: {
          batch_size,
          gradient_accumulation_steps: examples / batch_size,
          gradient_checkpointing: checkpointing,
        },
        model: storage,
      }));
      // the smallest tells whether any of them does
      if (!fits(choices[choices.length - 1])) continue;
      return choices.find(fits) ?? null;
    }
  }
  return null;
}

/** Sizes of micro-batches that divide a step's examples, from the largest; each is at most three quarters of the last. */
function sizesOf(examples: number, largest: number): number[] {
  const found = [largest];
  for (let size = largest - 1; size >= 1; size--) {
    if (examples % size === 0 && size <= 0.75 * found[found.length - 1]) {
      found.push(size);
    }
  }
  return found;
}

/** How weights may be stored, from the milder to the stronger: only frozen ones may be stored in fewer bits. */
function storagesOf(
  request: EngineRequest,
  written: MemoryChoice["model"],
): MemoryChoice["model"][] {
  if (!isBaseFrozen(request) || written.quantization !== null) return [written];
  return [
    written,
    ...request.frozenDtype === "f32"
      ? [{ ...written, dtype: "bfloat16" } as const]
      : [],
    { ...written, quantization: "int8" },
    { ...written, quantization: "nf4" },
  ];
}

/**
 * What an unfinished run in the same folder was begun with, where it may have come from what is written now: the same
 * examples a step, and nothing milder. Else the settings are compared as they are, and the difference is named.
 */
async function begunWith(config: RunConfig): Promise<MemoryChoice | null> {
  if (!mayContinue(config)) return null;
  const was = await readResolvedFile(join(config.output_dir, RESOLVED));
  const before = choiceIn(was);
  if (was.memory !== "auto" || before === null) return null;
  const written = choiceOf(config);
  const examples = ({ training }: MemoryChoice) =>
    training.batch_size * training.gradient_accumulation_steps;
  const couldBe = examples(before) === examples(written) &&
    before.training.batch_size <= written.training.batch_size &&
    (before.training.gradient_checkpointing ||
      !written.training.gradient_checkpointing) &&
    (written.model.quantization === null ||
      written.model.quantization === before.model.quantization) &&
    (written.model.dtype === "float32" ||
      written.model.dtype === before.model.dtype);
  return couldBe ? before : null;
}

function isDtype(value: unknown): value is ModelConfig["dtype"] {
  return typeof value === "string" && Object.hasOwn(STORAGE, value);
}

function isQuantization(
  value: unknown,
): value is ModelConfig["quantization"] {
  return value === null || QUANTIZATIONS.some((name) => name === value);
}

/** The choice in the settings of an earlier run; null: they are of another version. */
function choiceIn({ training, model }: ConfigData): MemoryChoice | null {
  if (!isPlainObject(training) || !isPlainObject(model)) return null;
  const { batch_size, gradient_accumulation_steps, gradient_checkpointing } =
    training;
  const { dtype, quantization } = model;
  const isWhole = typeof batch_size === "number" &&
    typeof gradient_accumulation_steps === "number" &&
    typeof gradient_checkpointing === "boolean";
  if (!isWhole || !isDtype(dtype) || !isQuantization(quantization)) return null;
  return {
    training: {
      batch_size,
      gradient_accumulation_steps,
      gradient_checkpointing,
    },
    model: { dtype, quantization },
  };
}
