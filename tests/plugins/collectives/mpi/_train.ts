/**
 * Runs of the command line whose ranks are killed, stopped and interrupted.
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  listCheckpoints,
  openCheckpoint,
} from "../../../../core/run/checkpoint.ts";
import { type TestFolder, TINY_LLAMA, tinyRows } from "../../../run_harness.ts";
import { type Launcher, launching } from "./_launch.ts";

const MOD = fileURLToPath(new URL("../../../../mod.ts", import.meta.url));

/** Ranks of `train`, while they run. */
export interface Training {
  readonly child: Deno.ChildProcess;
  readonly outputDir: string;
  /** Process ids of the ranks. */
  pids(): number[];
  /** Waits for a checkpoint. */
  saved(): Promise<void>;
  /** What was printed, and after how many seconds since `from` launcher and ranks had ended. */
  ended(from: number): Promise<{ code: number; text: string; seconds: number }>;
}

/** Writes a run file, and gives its path. */
export function writeRun(
  folder: TestFolder,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const rows = folder.at("rows.jsonl");
  Deno.writeTextFileSync(
    rows,
    tinyRows(60).map((row) => JSON.stringify(row)).join("\n"),
  );
  const path = folder.at("run.json");
  Deno.writeTextFileSync(
    path,
    JSON.stringify({
      backend: { use: "cpu", blas: "off", workers: 1 },
      model: { from_config: TINY_LLAMA },
      tokenizer: { use: "byte" },
      data: {
        train: [{ path: rows, format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 64,
      },
      training: {
        epochs: 10_000,
        batch_size: 2,
        gradient_accumulation_steps: 4,
        logging_steps: 50,
        eval_steps: null,
        save_steps: 4,
      },
      trackers: ["console"],
      ...more,
    }),
  );
  return path;
}

/** Starts ranks; `words` are those of each, behind `train`. */
export function startTraining(
  launcher: Launcher,
  words: readonly (readonly string[])[],
  outputDir: string,
): Training {
  const ranks = words.map((of) => [
    MOD,
    "train",
    ...of,
    `output_dir=${outputDir}`,
  ]);
  const child = launching(launcher, ranks).spawn();
  const printed = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return {
    child,
    outputDir,
    pids: () => pidsOf(outputDir),
    async saved() {
      for (let i = 0; i < 600; i++) {
        try {
          if (listCheckpoints(outputDir).length > 0) return;
        } catch {
          // the folder is not there yet
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.fail("no checkpoint was saved within a minute");
    },
    async ended(from) {
      const { code } = await child.status;
      // what the launcher has killed may still be giving its memory back
      for (let i = 0; i < 300 && pidsOf(outputDir).length > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const seconds = (performance.now() - from) / 1000;
      return { code, text: (await printed).join("\n"), seconds };
    },
  };
}

/** Processes whose command line names a folder: the ranks, not the launcher. */
function pidsOf(outputDir: string): number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      if (
        words[0] === Deno.execPath() &&
        words.includes(`output_dir=${outputDir}`)
      ) pids.push(Number(name));
    } catch {
      // it has ended meanwhile
    }
  }
  return pids.sort((a, b) => a - b);
}

/** Every checkpoint of a run is whole: its files are those that their checksums were made of. */
export function assertWhole(outputDir: string): void {
  for (const { path } of listCheckpoints(outputDir)) openCheckpoint(path);
}
