/**
 * Whole runs in a test: a config object, the built-in parts, every event collected, nothing printed.
 * @module
 */
import { join } from "node:path";
import { builtIn } from "../plugins/library.ts";
import { builtin } from "../plugins/mod.ts";
import { loadRun } from "../core/config/load.ts";
import type { RunInput } from "../core/config/types.ts";
import { BUILT_IN, type Random, randomFrom, Registry } from "../core/mod.ts";
import type { TrackerEvent } from "../core/contracts/tracker.ts";
import { callbackTracker } from "../core/run/callback_tracker.ts";
import { trainRun } from "../core/run/run.ts";
import type { RunResult } from "../core/run/run_options.ts";

/** A run that is over. */
export interface RanRun {
  readonly result: RunResult;
  readonly events: readonly TrackerEvent[];
  /** Events of one kind, in order. */
  of<K extends TrackerEvent["event"]>(
    kind: K,
  ): Extract<TrackerEvent, { event: K }>[];
  /** Losses of the step events, in order. */
  readonly losses: readonly number[];
}

/** How a run is watched and stopped. */
export interface RunTestOptions {
  readonly signal?: AbortSignal;
  /** `key=value`, as on the command line. */
  readonly overrides?: readonly string[];
  readonly onEvent?: (event: TrackerEvent) => void;
}

/** A registry with the built-in parts. */
export function builtinRegistry(): Registry {
  const registry = new Registry();
  registry.add(builtin, BUILT_IN, builtIn.module);
  return registry;
}

/** Trains a config; trackers are those that it names, else none. */
export async function runConfig(
  config: RunInput,
  options: RunTestOptions = {},
): Promise<RanRun> {
  const run = await loadRun({
    object: { trackers: [], ...config },
    overrides: options.overrides,
    registry: builtinRegistry(),
  });
  const events: TrackerEvent[] = [];
  const result = await trainRun(run, {
    signal: options.signal,
    trackers: [callbackTracker((event) => {
      events.push(event);
      options.onEvent?.(event);
    })],
  });
  const of = <K extends TrackerEvent["event"]>(kind: K) =>
    events.filter((e): e is Extract<TrackerEvent, { event: K }> =>
      e.event === kind
    );
  return {
    result,
    events,
    of,
    losses: of("step").map((e) => e.loss ?? NaN),
  };
}

/** A folder that is removed with the test. */
export interface TestFolder extends Disposable {
  readonly path: string;
  /** A path within it. */
  at(...names: string[]): string;
}

/** Makes a folder for one test. */
export function testFolder(): TestFolder {
  const path = Deno.makeTempDirSync({ prefix: "denotune-test-" });
  return {
    path,
    at: (...names) => join(path, ...names),
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** `config.json` of a small Llama for the byte tokenizer. */
export const TINY_LLAMA = {
  model_type: "llama",
  vocab_size: 259,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_act: "silu",
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  initializer_range: 0.08,
  tie_word_embeddings: true,
} as const;

/** A row in Alpaca's format. */
export interface TinyRow {
  readonly instruction: string;
  readonly output: string;
}

/** Rows whose prompts and answers have very different lengths: 1 to 60 trained characters. */
export function tinyRows(count: number, key = 1): TinyRow[] {
  const random = randomFrom(key, 99);
  return Array.from({ length: count }, () => ({
    instruction: word(random, 1 + random.below(12)),
    // half are short, so that windows of few and of many trained tokens occur
    output: word(random, 1 + random.below(random.next() < 0.5 ? 3 : 60)),
  }));
}

function word(random: Random, length: number): string {
  return Array.from({ length }, () => "abcdefgh "[random.below(9)]).join("")
    .trim() || "a";
}

/** A run of {@linkcode TINY_LLAMA} on rows in memory: on the cpu backend, without a BLAS, constant rate. */
export function tinyRun(
  outputDir: string,
  more: Partial<RunInput> = {},
): RunInput {
  return {
    output_dir: outputDir,
    seed: 7,
    backend: { use: "cpu", blas: "off", workers: 2 },
    model: { from_config: TINY_LLAMA },
    tokenizer: { use: "byte" },
    adapter: null,
    optimizer: { use: "adamw", learning_rate: 3e-3 },
    schedule: "constant",
    ...more,
    data: {
      train: [{ rows: tinyRows(64), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 128,
      ...more.data,
    },
    training: {
      epochs: 1,
      batch_size: 4,
      logging_steps: 1,
      eval_steps: null,
      save_steps: null,
      ...more.training,
    },
  };
}

/** The bytes of a saved model's weights. */
export function weightBytes(folder: string): Uint8Array {
  return Deno.readFileSync(join(folder, "model.safetensors"));
}
