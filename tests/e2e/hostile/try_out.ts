/**
 * Trains with a hostile plugin in a process of its own, and looks at what is left.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  listCheckpoints,
  openCheckpoint,
} from "../../../core/run/saving/checkpoint.ts";
import {
  type Done,
  emptyFolder,
  projectFile,
  type Running,
  start,
} from "../_denotune.ts";
import type { HostilePlugin } from "./hostile_plugin.ts";

/** Rows of the data: the last ones are wrong in some plugins' eyes. */
const ROWS = 520;

/** What a process may take, on a busy machine. */
const LIMIT_MS = 60_000;

/** What came of a hostile plugin. */
export interface Outcome {
  readonly done: Done;
  /** What is wrong with it; none: all is as the table says. */
  readonly faults: readonly string[];
}

/** The run that plugins spoil: six steps, a checkpoint at each second. */
function ordinaryRun(more: Readonly<Record<string, unknown>>): unknown {
  const { data = {}, training = {}, ...rest } = more;
  return {
    output_dir: "run",
    seed: 7,
    backend: "reference",
    trackers: ["jsonl", "console"],
    model: {
      from_config: {
        model_type: "llama",
        vocab_size: 259,
        hidden_size: 8,
        intermediate_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        hidden_act: "silu",
        max_position_embeddings: 64,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: true,
      },
    },
    tokenizer: "byte",
    adapter: null,
    optimizer: { use: "adamw", learning_rate: 0.003 },
    schedule: "constant",
    plugins: ["./plugin.js"],
    ...rest,
    data: {
      train: [{ path: "rows.jsonl", format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 32,
      workers: 1,
      ...(data as Record<string, unknown>),
    },
    training: {
      max_steps: 6,
      batch_size: 1,
      logging_steps: 1,
      save_steps: 2,
      ...(training as Record<string, unknown>),
    },
  };
}

/** Writes the ordinary run with other settings, and its rows. */
export function writeRun(
  folder: string,
  more: Readonly<Record<string, unknown>>,
): void {
  const write = (name: string, text: string) =>
    Deno.writeTextFileSync(join(folder, name), text);
  write("run.json", JSON.stringify(ordinaryRun(more)));
  write(
    "rows.jsonl",
    Array.from(
      { length: ROWS },
      (_, i) => JSON.stringify({ instruction: `q${i}`, output: "a" }) + "\n",
    ).join(""),
  );
}

/** Runs it and compares with the table. */
export async function tryOut(hostile: HostilePlugin): Promise<Outcome> {
  using folder = emptyFolder();
  Deno.writeTextFileSync(join(folder.path, "plugin.js"), hostile.module);
  writeRun(folder.path, hostile.run ?? {});
  const running = start(
    folder.path,
    ...(hostile.flags ?? []),
    projectFile("mod.ts"),
    ...(hostile.words ?? ["train", "run.json"]),
  );
  const { interrupt } = hostile;
  if (typeof interrupt === "string") await running.until(interrupt);
  else if (interrupt !== undefined) await sleep(interrupt);
  if (interrupt !== undefined) kill(running, "SIGINT");
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    kill(running, "SIGKILL");
  }, LIMIT_MS);
  const done = await running.end();
  clearTimeout(limit);
  const faults = [
    ...(isLate ? [`does not end within ${LIMIT_MS} ms`] : []),
    ...faultsOf(hostile, done),
    ...(hostile.absent !== undefined &&
        existsSync(join(folder.path, hostile.absent))
      ? [`${hostile.absent} is there`]
      : []),
    ...faultsOfFolder(hostile, join(folder.path, "run")),
  ];
  return { done, faults };
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

function kill({ process }: Running, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch {
    // it has ended
  }
}

function faultsOf(hostile: HostilePlugin, done: Done): string[] {
  const text = `${done.out}\n${done.err}`;
  const faults = hostile.says.filter((one) => !one.test(text)).map((one) =>
    `does not say ${one}`
  );
  if (done.code !== hostile.code) {
    faults.push(`ends with ${done.code}, not ${hostile.code}`);
  }
  // one line says where a module is broken
  if (/\n {4}at .*\n {4}at /.test(text) || /Uncaught/.test(text)) {
    faults.push("shows a stack trace");
  }
  return faults;
}

function faultsOfFolder(hostile: HostilePlugin, folder: string): string[] {
  const faults: string[] = [];
  const metrics = join(folder, "metrics.jsonl");
  if (existsSync(metrics)) {
    for (const line of Deno.readTextFileSync(metrics).split("\n")) {
      try {
        if (line !== "") JSON.parse(line);
      } catch {
        faults.push(`a broken line in metrics.jsonl: ${line}`);
      }
    }
  }
  const checkpoints = existsSync(folder) ? listCheckpoints(folder) : [];
  for (const { path } of checkpoints) {
    try {
      openCheckpoint(path);
    } catch (error) {
      faults.push(`${path}: ${error}`);
    }
  }
  const newest = checkpoints.at(-1)?.step ?? 0;
  if (newest < (hostile.saved ?? 0)) {
    faults.push(`the newest checkpoint is of step ${newest}`);
  }
  return faults;
}
