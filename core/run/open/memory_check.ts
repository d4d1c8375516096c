/**
 * Whether a run fits, before anything is allocated; where it does not, what would make it fit. Every change
 * that is named has been planned.
 * @module
 */
import type { DeviceInfo } from "../../contracts/backend.ts";
import { parseBytes } from "../../config/parse/bytes.ts";
import type { RunConfig } from "../../config/types.ts";
import {
  choiceOf,
  isBaseFrozen,
  type MemoryChoice,
  requestWith,
  wordsOf,
} from "./memory_choice.ts";
import { DeviceError } from "../../contracts/errors.ts";
import { showBytes } from "../../show_numbers.ts";
import type { EngineRequest } from "../../engine/engine_request.ts";
import { planEngine, type PlannedEngine } from "../../engine/plan_engine.ts";

/** What a run takes, and what it may take. Bytes. */
export interface MemoryNeed {
  /** Everything that is planned for the device. */
  readonly planned: number;
  /** The process itself, where the device shares its memory; else 0. */
  readonly runtime: number;
  readonly total: number;
  readonly limit: number;
  /** Where the limit comes from, to be shown. */
  readonly limitedBy: string;
}

/**
 * What a process grows by while it trains, besides what is planned: kernels, messages, garbage that waits to
 * be collected. Measured from 0.3 to 4.3 GB planned, with and without a BLAS: 50 to 115 MB, of which the most
 * while a whole model is saved.
 */
const GROWTH = 60 * 2 ** 20;

/** Shortest rows that are proposed. */
const SHORTEST = 32;

/** The need of a planned run. Called before anything is allocated: the process is counted as it is. */
export function memoryNeed(
  planned: PlannedEngine,
  info: DeviceInfo,
  memory_limit: string | null,
): MemoryNeed {
  const runtime = info.sharesHostMemory === true
    ? Deno.memoryUsage().rss + GROWTH
    : 0;
  const asked = memory_limit === null ? null : parseBytes(memory_limit);
  return {
    planned: planned.report.total,
    runtime,
    total: planned.report.total + runtime,
    limit: Math.min(asked ?? Infinity, info.memoryBytes),
    limitedBy: asked !== null && asked <= info.memoryBytes
      ? "memory_limit allows"
      : `${info.description} has`,
  };
}

/** Throws `DeviceError` for a run that does not fit, naming the changes that would make it fit. */
export function refuseTooLarge(
  request: EngineRequest,
  need: MemoryNeed,
  { config, info }: { config: RunConfig; info: DeviceInfo },
): void {
  if (need.total <= need.limit) return;
  const steps = changesOf(request, choiceOf(config));
  const totalOf = (changed: EngineRequest) =>
    planEngine(changed, info).report.total + need.runtime;
  const alone = steps.flatMap((change) => {
    const found = change.variants.map((v) => ({
      ...v,
      total: totalOf(v.request),
    }))
      .find((v) => v.total <= need.limit);
    return found === undefined ? [] : [found];
  });
  const needed = `The run needs ${showBytes(need.total)}; ${need.limitedBy} ${
    showBytes(need.limit)
  } for it.`;
  if (alone.length > 0) {
    const list = alone.map(({ words, total }) =>
      `${words} (${showBytes(total)})`
    );
    throw new DeviceError(
      `${needed} Any of these would fit: ${list.join("; ")}`,
    );
  }
  let changed = request;
  let choice = choiceOf(config);
  const taken: string[] = [];
  let total = need.total;
  for (const { kind } of steps) {
    const [last] = changesOf(changed, choice).filter((c) => c.kind === kind)
      .flatMap((c) => {
        const fits = c.variants.find((v) => totalOf(v.request) <= need.limit);
        return [fits ?? c.variants[c.variants.length - 1]];
      });
    if (last === undefined) continue;
    const after = totalOf(last.request);
    if (after >= total) continue;
    [changed, choice, total] = [last.request, last.choice, after];
    taken.push(last.words);
    if (total <= need.limit) {
      throw new DeviceError(
        `${needed} These together would fit (${showBytes(total)}): ${
          taken.join(" ")
        }`,
      );
    }
  }
  throw new DeviceError(
    `${needed} Even ${taken.join(" ")} needs ${showBytes(total)}: ${
      request.adapter === null
        ? "train an adapter (adapter: lora) or a smaller model"
        : "a smaller model would fit"
    }`,
  );
}

interface Change {
  readonly kind: string;
  /** From the mildest to the strongest. */
  readonly variants: readonly {
    readonly words: string;
    readonly request: EngineRequest;
    readonly choice: MemoryChoice;
  }[];
}

/** What can be changed, those first that change the numbers least. */
function changesOf(request: EngineRequest, choice: MemoryChoice): Change[] {
  const { train } = request;
  if (train === null) return [];
  const { training, model } = choice;
  const changes: Change[] = [];
  const add = (kind: string, next: readonly MemoryChoice[]) => {
    if (next.length === 0) return;
    changes.push({
      kind,
      variants: next.map((other) => ({
        words: wordsOf(choice, other),
        request: requestWith(request, other),
        choice: other,
      })),
    });
  };
  if (!train.checkpointing) {
    add("checkpointing", [{
      model,
      training: { ...training, gradient_checkpointing: true },
    }]);
  }
  const examples = training.gradient_accumulation_steps * train.B;
  add(
    "batch",
    halves(train.B, 1).map((batch_size) => ({
      model,
      training: {
        ...training,
        batch_size,
        gradient_accumulation_steps: Math.ceil(examples / batch_size),
      },
    })),
  );
  const isFrozen = isBaseFrozen(request);
  if (isFrozen && request.frozenDtype === "f32") {
    add("dtype", [{ training, model: { ...model, dtype: "bfloat16" } }]);
  }
  if (isFrozen && (request.quantization ?? null) === null) {
    add(
      "quantization",
      (["int8", "nf4"] as const).map((quantization) => ({
        training,
        model: { ...model, quantization },
      })),
    );
  }
  const lengths = halves(train.T, SHORTEST);
  if (lengths.length > 0) {
    changes.push({
      kind: "length",
      variants: lengths.map((T) => ({
        words: `data.max_length=${T}`,
        choice,
        request: {
          ...request,
          train: { ...train, T },
          evaluate: request.evaluate === null
            ? null
            : { ...request.evaluate, T: Math.min(T, request.evaluate.T) },
        },
      })),
    });
  }
  return changes;
}

/** Half, a quarter, ... of a number, not below `least`. */
function halves(n: number, least: number): number[] {
  const found: number[] = [];
  for (
    let half = Math.floor(n / 2);
    half >= least;
    half = Math.floor(half / 2)
  ) {
    found.push(half);
  }
  return found;
}
