/**
 * A run's events for trackers, and Python programs that read what they wrote.
 */
import assert from "node:assert/strict";
import type { Tracker, TrackerEvent } from "@denotune/denotune/core";
import { exampleEvents } from "../../conformance/tracker.ts";
import { python } from "../../python.ts";

/** Whether programs are asked that CI does not install. */
export const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

export const SETTINGS = {
  seed: 42,
  optimizer: { use: "adamw", learning_rate: 5e-5, betas: [0.9, 0.999] },
  adapter: null,
  data: { train: [{ path: "a|b.jsonl", "we`ird <b>": true }] },
};

/** A step of a run. */
export function stepAt(step: number): TrackerEvent {
  const example = exampleEvents().find((e) => e.event === "step");
  assert.ok(example?.event === "step");
  return {
    ...example,
    step,
    epoch: step / 50,
    loss: Math.fround(4 / (1 + step / 10)),
    source_losses: { 'a,"b"\n.jsonl': Math.fround(1 / step) },
  };
}

/** Feeds a tracker, and closes it unless it is to look killed. */
export async function feed(
  tracker: Tracker,
  outputDir: string,
  { events, resumedAt = 0, killed = false }: {
    events: readonly TrackerEvent[];
    resumedAt?: number;
    killed?: boolean;
  },
): Promise<void> {
  await tracker.start({
    outputDir,
    totalSteps: 100,
    resumedAt,
    settings: SETTINGS,
  });
  for (const event of events) tracker.event(event);
  if (!killed) await tracker.close();
}

/** Steps from `first` to `last`. */
export function steps(first: number, last: number): TrackerEvent[] {
  return Array.from({ length: last - first + 1 }, (_, i) => stepAt(first + i));
}

/** What a Python program prints on its last line, as JSON. */
export async function pythonJson(
  program: string,
  ...args: string[]
): Promise<unknown> {
  const printed = await python(["-c", program, ...args], {
    env: { WANDB_MODE: "offline", PYTHONWARNINGS: "ignore" },
  });
  return JSON.parse(printed.trim().split("\n").at(-1)!);
}

/** A folder for one test. */
export async function inFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
