/**
 * Runs of the command line whose ranks are killed, stopped and interrupted.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  listCheckpoints,
  openCheckpoint,
} from "../../../../core/run/saving/checkpoint.ts";
import { type TestFolder, TINY_LLAMA, tinyRows } from "../../../run_harness.ts";
import { type Launcher, launching } from "./_launch.ts";

const MOD = fileURLToPath(new URL("../../../../mod.ts", import.meta.url));

/** Names in a folder; none where it is not there. */
function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Whether a folder has a file whose name matches. */
const has = (pattern: RegExp) => (folder: string) =>
  namesIn(folder).some((name) => pattern.test(name));

/** The moments of a run of {@linkcode SHORT}, as its folder shows them. */
const MOMENTS = {
  starting: (folder: string) => pidsOf(folder).length > 1,
  planning: (folder: string) => namesIn(folder).length > 0,
  "beginning to train": has(/^config.resolved.yaml$/),
  saving: has(/^\.checkpoint-(9|12|15|18|21)\.tmp/),
  "training on": has(/^checkpoint-(6|12|15|18)$/),
  evaluating: (folder: string) => {
    const at = newestEvent(folder);
    return at !== null && at.event === "step" && (at.step ?? 0) > SAVE_STEPS &&
      (at.step ?? 0) % EVAL_STEPS === 0;
  },
  "writing the model": has(/^\.model\.tmp/),
  ending: has(/^summary.json$/),
} satisfies Readonly<Record<string, (folder: string) => boolean>>;

/** A moment of a run. */
export type Moment = keyof typeof MOMENTS;

/** A line of a run's log. */
interface LoggedEvent {
  readonly event: string;
  readonly step?: number;
  readonly loss?: number;
}

/** What a run has logged, in order. */
function eventsOf(folder: string): LoggedEvent[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(folder, "metrics.jsonl"));
  } catch {
    return [];
  }
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

function newestEvent(folder: string): LoggedEvent | null {
  return eventsOf(folder).at(-1) ?? null;
}

/** The loss of each step of a run; of steps that were made twice, the second. */
export function lossesOf(folder: string): number[] {
  const losses: number[] = [];
  for (const { event, step = 0, loss = NaN } of eventsOf(folder)) {
    if (event === "step") losses[step - 1] = loss;
  }
  return losses;
}

/** Ranks of `train`, while they run. */
export interface Training {
  readonly child: Deno.ChildProcess;
  readonly outputDir: string;
  /** Process ids of the ranks. */
  pids(): number[];
  /** Waits for a checkpoint. */
  saved(): Promise<void>;
  /** Waits for a moment of a run of {@linkcode SHORT}. Whether it came before the end. */
  reached(moment: Moment): Promise<boolean>;
  /** What was printed, and after how many seconds since `from` launcher and ranks had ended. */
  ended(from: number): Promise<{ code: number; text: string; seconds: number }>;
}

/** Steps of a run that ends, between evaluations, and between checkpoints. */
const STEPS = 24;
const EVAL_STEPS = 2;
const SAVE_STEPS = 3;

/** Settings of a run that ends, and evaluates and saves for most of its time. */
export const SHORT: Readonly<Record<string, unknown>> = {
  training: {
    epochs: 100,
    max_steps: STEPS,
    batch_size: 2,
    gradient_accumulation_steps: 4,
    logging_steps: 1,
    eval_steps: EVAL_STEPS,
    save_steps: SAVE_STEPS,
    save_total_limit: null,
  },
  trackers: ["console", "jsonl"],
};

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
        eval: [{ path: rows, format: "alpaca" }],
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
  const ranks = words.map((of) => trainWords(of, outputDir));
  return watchTraining(launching(launcher, ranks).spawn(), outputDir);
}

/** What stands behind `deno run` for a rank. */
export function trainWords(
  words: readonly string[],
  outputDir: string,
): string[] {
  return [MOD, "train", ...words, `output_dir=${outputDir}`];
}

/** Ranks that a launcher has started. */
export function watchTraining(
  child: Deno.ChildProcess,
  outputDir: string,
): Training {
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
    async reached(moment) {
      let over = false;
      void child.status.then(() => over = true);
      while (!MOMENTS[moment](outputDir)) {
        if (over) return false;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return !over;
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

/** How often the ranks name a checkpoint of the folder. */
export function named(text: string, outputDir: string): number {
  return text.split(`Its last complete checkpoint is ${outputDir}/checkpoint-`)
    .length - 1;
}
