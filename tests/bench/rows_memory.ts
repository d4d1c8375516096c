/**
 * Peak memory by the number of rows: JSON Lines, plain and gzip, shuffled over the whole set. Each size runs
 * in a process of its own, which prepares the data as a run does, then takes batches of two epochs.
 *
 * ```sh
 * deno run -A tests/bench/rows_memory.ts                    # 20 thousand and 2 million rows, some minutes
 * deno run -A tests/bench/rows_memory.ts 20000 200000
 * ```
 * @module
 */
import { join } from "node:path";
import { loadRun } from "../../core/config/load.ts";
import { prepareRun } from "../../core/library/prepare.ts";
import { type HeldBytes, heldBytes } from "../held_bytes.ts";
import { builtinRegistry, tinyRun } from "../run_harness.ts";

/** What one process measured. */
export interface RowsMemory {
  readonly rows: number;
  readonly gzip: boolean;
  /** Bytes of the file as it lies on the disk. */
  readonly fileBytes: number;
  /** Largest resident memory of the process, bytes. */
  readonly peakBytes: number;
  readonly seconds: number;
  /** The most that was held; null unless it was asked for. */
  readonly held: RowsHeld | null;
}

/** What was held at most after collections of garbage, bytes. */
export interface RowsHeld {
  /** On the heap, at any time. */
  readonly heap: number;
  /** On the heap and outside it, once all rows were prepared: until then tokens may fill the token store. */
  readonly prepared: number;
  /** How often garbage was collected to see it. */
  readonly looks: number;
}

/** How one size is measured. */
export interface RowsMemoryOptions {
  readonly gzip: boolean;
  readonly workers: "auto" | number;
  /** Whether to collect garbage and count what is held, which lowers the peak of resident memory. */
  readonly held?: boolean;
}

/** Prepares that many rows in a process of its own. */
export async function measureRows(
  rows: number,
  options: RowsMemoryOptions,
): Promise<RowsMemory> {
  const folder = await Deno.makeTempDir({ prefix: "denotune-rows-" });
  try {
    const file = join(folder, `rows.jsonl${options.gzip ? ".gz" : ""}`);
    await writeRows(file, rows, options.gzip);
    const child = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        import.meta.filename!,
        "--child",
        file,
        JSON.stringify(options),
      ],
      env: { DENOTUNE_CACHE: join(folder, "cache") },
      stderr: "inherit",
    }).output();
    if (!child.success) throw new Error(`${rows} rows could not be prepared`);
    const measured = JSON.parse(new TextDecoder().decode(child.stdout));
    const { size } = await Deno.stat(file);
    return { rows, gzip: options.gzip, fileBytes: size, ...measured };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes that many short rows as JSON Lines. */
export async function writeRows(
  file: string,
  rows: number,
  gzip: boolean,
): Promise<void> {
  let next = 0;
  const lines = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const until = Math.min(rows, next + 10_000);
      let text = "";
      for (; next < until; next++) {
        text += JSON.stringify({
          instruction: `What follows number ${next} in the list of squares?`,
          output: `Number ${next + 1}, whose square is ${(next + 1) ** 2}.`,
        }) + "\n";
      }
      controller.enqueue(new TextEncoder().encode(text));
      if (next >= rows) controller.close();
    },
  });
  const out = await Deno.open(file, { write: true, create: true });
  await (gzip ? lines.pipeThrough(new CompressionStream("gzip")) : lines)
    .pipeTo(out.writable);
}

/** The child: prepares the file, takes batches from all over two epochs, prints its peak. */
async function prepare(
  file: string,
  { workers, held: looks = false }: RowsMemoryOptions,
): Promise<void> {
  const began = performance.now();
  const held = { heap: 0, prepared: 0, looks: 0 };
  const look = (): HeldBytes => {
    const { heap, arrays } = heldBytes();
    held.heap = Math.max(held.heap, heap);
    held.looks++;
    return { heap, arrays };
  };
  let sampled = 0; // where the system keeps no high-water mark
  const sample = () => {
    sampled = Math.max(sampled, Deno.memoryUsage().rss);
  };
  let next = 0;
  const run = await loadRun({
    object: tinyRun(join(file, "..", "out"), {
      data: {
        train: [{ path: file, format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 128,
        shuffle: true,
        workers,
      },
      training: { epochs: 2, batch_size: 32 },
    }),
    registry: builtinRegistry(),
  });
  using prepared = await prepareRun(run, {
    onProgress: ({ rows, of }) => {
      sample();
      if (!looks || rows < next) return;
      next = rows + of / 10;
      look();
    },
  });
  const { train } = prepared.data;
  const rows = new Set<number>();
  for (let epoch = 0; epoch < 2; epoch++) {
    const steps = train.stepsInEpoch(epoch);
    for (let i = 0; i < 200; i++) {
      const step = Math.floor((i * steps) / 200);
      for (const batch of train.batches(epoch, step)) rows.add(batch.firstRow);
      sample();
      if (!looks || i % 40 !== 0) continue;
      const { heap, arrays } = look();
      held.prepared = Math.max(held.prepared, heap + arrays);
    }
  }
  if (rows.size < 100) throw new Error("The batches are not from all over");
  console.log(JSON.stringify({
    peakBytes: highWaterMark() ?? sampled,
    seconds: (performance.now() - began) / 1000,
    held: looks ? held : null,
  }));
}

/** Largest resident memory of this process, bytes; null where the system does not say. */
export function highWaterMark(): number | null {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    const found = /^VmHWM:\s+(\d+) kB/m.exec(status);
    return found === null ? null : Number(found[1]) * 1024;
  } catch {
    return null; // not Linux
  }
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === "--child") {
    return await prepare(args[1], JSON.parse(args[2]));
  }
  const counts = args.length > 0 ? args.map(Number) : [20_000, 2_000_000];
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  for (const workers of [1, "auto"] as const) {
    for (const gzip of [false, true]) {
      let first = 0;
      for (const rows of counts) {
        const measured = await measureRows(rows, { gzip, workers });
        const { peakBytes, fileBytes, seconds } = measured;
        first ||= peakBytes;
        console.log(
          `workers ${workers}, ${gzip ? "gzip" : "plain"}, ${rows} rows, ${
            mb(fileBytes)
          } file: peak ${mb(peakBytes)} (${mb(peakBytes - first)} more), ${
            seconds.toFixed(0)
          } s`,
        );
      }
    }
  }
}

if (import.meta.main) await main(Deno.args);
