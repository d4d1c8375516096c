/**
 * Streamed rows: peak memory and rows a second of a whole pass, and the time from the start of a process to
 * the end of its first step, streamed and indexed. Each figure comes from a process of its own.
 *
 * ```sh
 * deno run -A tests/bench/streaming.ts                      # 20 thousand and 2 million rows, some minutes
 * deno run -A tests/bench/streaming.ts 20000 200000
 * ```
 * @module
 */
import { join } from "node:path";
import type { DataInput, RunInput } from "../../core/config/types.ts";
import { loadRun } from "../../core/config/load.ts";
import { prepareRun } from "../../core/library/prepare.ts";
import { callbackTracker } from "../../core/run/callback_tracker.ts";
import { trainRun } from "../../core/run/run.ts";
import { heldBytes } from "../held_bytes.ts";
import { builtinRegistry, tinyRun } from "../run_harness.ts";
import { highWaterMark, writeRows } from "./rows_memory.ts";

/** What a child measures. */
interface Task {
  readonly what: "pass" | "first step";
  readonly file: string;
  readonly data: Partial<DataInput>;
  /** Whether to collect garbage during a pass and count what is held. */
  readonly held?: boolean;
}

function runOf({ file, data }: Task): RunInput {
  return tinyRun(join(file, "..", "out"), {
    data: {
      train: [{ path: file, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 128,
      cache: false,
      ...data,
    },
    training: { epochs: 1, max_steps: 3, batch_size: 32 },
  });
}

/** One pass over the batches, without a model that is trained on them. */
async function pass(task: Task): Promise<Record<string, number>> {
  const run = await loadRun({
    object: runOf(task),
    registry: builtinRegistry(),
  });
  using prepared = await prepareRun(run);
  const { feed } = prepared.data;
  const began = performance.now();
  let rows = 0;
  let heldPeak = 0;
  let looks = 0;
  for (let step = 0;; step++) {
    const { batches, endsEpoch } = await feed.step(0, step);
    for (const batch of batches) rows += batch.examples;
    if (task.held && step % 50 === 49) {
      const { heap, arrays } = heldBytes();
      heldPeak = Math.max(heldPeak, heap + arrays);
      looks++;
    }
    if (endsEpoch) break;
  }
  const seconds = (performance.now() - began) / 1000;
  const peakBytes = highWaterMark() ?? NaN;
  return { rows, seconds, peakBytes, heldPeak, looks };
}

async function firstStep(task: Task): Promise<Record<string, number>> {
  let seconds = NaN;
  const run = await loadRun({
    object: { ...runOf(task), trackers: [] },
    registry: builtinRegistry(),
  });
  await trainRun(run, {
    trackers: [callbackTracker((event) => {
      if (event.event === "step" && event.step === 1) {
        seconds = performance.now() / 1000; // since the process began
      }
    })],
  });
  return { seconds, peakBytes: highWaterMark() ?? NaN };
}

async function measure(task: Task): Promise<Record<string, number>> {
  const child = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      import.meta.filename!,
      "--child",
      JSON.stringify(task),
    ],
    env: { DENOTUNE_CACHE: join(task.file, "..", "cache") },
    stderr: "inherit",
  }).output();
  if (!child.success) throw new Error(`${JSON.stringify(task)} failed`);
  return JSON.parse(new TextDecoder().decode(child.stdout));
}

/** What one pass over that many rows holds at most, streamed in a process of its own. */
export async function measureStream(
  rows: number,
  data: Partial<DataInput>,
): Promise<{ readonly heldPeak: number; readonly looks: number }> {
  const folder = await Deno.makeTempDir({ prefix: "denotune-streaming-" });
  try {
    const file = join(folder, "rows.jsonl");
    await writeRows(file, rows, false);
    const { heldPeak, looks } = await measure({
      what: "pass",
      file,
      data: { streaming: true, ...data },
      held: true,
    });
    return { heldPeak, looks };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === "--child") {
    const task: Task = JSON.parse(args[1]);
    const measured = await (task.what === "pass" ? pass : firstStep)(task);
    console.log(JSON.stringify(measured));
    return;
  }
  const counts = args.length > 0 ? args.map(Number) : [20_000, 2_000_000];
  for (const rows of counts) {
    const folder = await Deno.makeTempDir({ prefix: "denotune-streaming-" });
    try {
      for (const ending of ["", ".gz"]) {
        const file = join(folder, `rows.jsonl${ending}`);
        await writeRows(file, rows, ending !== "");
        for (
          const data of [
            { streaming: true, workers: 1 },
            { streaming: true, workers: 2 },
            { streaming: true, workers: 1, collator: "packed" },
          ] as const
        ) {
          if (ending !== "" && "collator" in data) continue;
          const { seconds, peakBytes, rows: n } = await measure({
            what: "pass",
            file,
            data,
          });
          console.log(
            `${n} rows${ending}, ${JSON.stringify(data)}: peak ${
              (peakBytes / 1e6).toFixed(0)
            } MB, ${seconds.toFixed(1)} s, ${(n / seconds).toFixed(0)} rows/s`,
          );
        }
        for (const streaming of [true, false]) {
          const data = { streaming, workers: 1 };
          const found = await measure({ what: "first step", file, data });
          console.log(
            `${rows} rows${ending}, ${
              streaming ? "streamed" : "indexed"
            }: first step after ${found.seconds.toFixed(1)} s, peak ${
              (found.peakBytes / 1e6).toFixed(0)
            } MB`,
          );
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}

if (import.meta.main) await main(Deno.args);
