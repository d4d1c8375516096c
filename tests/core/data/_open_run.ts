/**
 * The data of a run, opened as `train` opens them, in a cache folder of the test's own.
 * @module
 */
import type { Tokenizer } from "@denotune/denotune/core";
import {
  beside,
  createResolved,
  creatingWith,
} from "../../../core/config/parts/create_part.ts";
import { chosenAt } from "../../../core/config/chosen_at.ts";
import { loadRun } from "../../../core/config/load.ts";
import type { DataInput, RunInput } from "../../../core/config/types.ts";
import type { PreparedDataset } from "../../../core/data/prepared/prepared_dataset.ts";
import { openData, type OpenedData } from "../../../core/run/open/open_data.ts";
import { builtinRegistry, TINY_LLAMA } from "../../run_harness.ts";

/** Opened data, and what was said meanwhile. */
export interface OpenedRun extends Disposable {
  readonly data: OpenedData;
  readonly notices: readonly string[];
}

/** How data are opened. */
export interface OpenOptions {
  readonly cacheDir: string;
  readonly run?: Partial<RunInput>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
  /** Stands in for the run's tokenizer. */
  readonly tokenizer?: Tokenizer;
}

/** Opens the data of a run with the byte tokenizer. */
export async function openRun(
  data: DataInput,
  { cacheDir, run: more, signal, onProgress, ...options }: OpenOptions,
): Promise<OpenedRun> {
  const run = await loadRun({
    object: {
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      adapter: null,
      ...more,
      data: { template: { use: "plain", separator: "\n" }, ...data },
    },
    registry: builtinRegistry(),
  });
  const notices: string[] = [];
  const creating = creatingWith(run.registry, {
    seed: run.config.seed,
    notice: (message) => void notices.push(message),
  });
  const chosen = chosenAt(run, "tokenizer", "tokenizer");
  if (chosen === null) throw new Error("no tokenizer");
  const tokenizer = options.tokenizer ??
    await createResolved(chosen, creating);
  const opened = await openData(run, {
    tokenizer,
    creating: beside(creating, {
      tokenizer,
      modelConfig: run.config.model.from_config,
    }),
    cacheDir,
    signal,
    onProgress: ({ rows }) => onProgress?.(rows),
  });
  return {
    data: opened,
    notices,
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

/** All that a set holds, to be compared. */
export function contentOf(set: PreparedDataset): unknown {
  return {
    fingerprint: set.fingerprint,
    statistics: { ...set.statistics },
    report: set.report,
    examples: Array.from({ length: set.length }, (_, i) => set.example(i)),
  };
}

/** JSON Lines of rows in Alpaca's format, of many lengths, every 50th without an answer. */
export function alpacaLines(count: number, key = ""): string {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      instruction: `${key} what is ${i}? ${"é".repeat(i % 7)}`,
      output: i % 50 === 49 ? "" : `${"number ".repeat(i % 13)}${i}`,
    }) + "\n").join("");
}
