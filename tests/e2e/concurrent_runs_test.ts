/**
 * Pairs of runs at the same time, and deaths of every kind at random moments: nothing is lost, and who goes on ends
 * with the bits of a run that nobody disturbed. Twenty pairs and fifty deaths with `DENOTUNE_TEST_ALL=1`, some
 * otherwise; `DENOTUNE_SEED` repeats what a failure's message names.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DataInput, RunInput } from "../../core/config/types.ts";
import { randomFrom } from "../../core/mod.ts";
import {
  listCheckpoints,
  readCheckpointState,
} from "../../core/run/saving/checkpoint.ts";
import { verifyChecksums } from "../../core/run/saving/checksums.ts";
import { tinyRows, tinyRun, weightBytes } from "../run_harness.ts";
import { type Done, emptyFolder, projectFile } from "./_denotune.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const SEED = Number(
  Deno.env.get("DENOTUNE_SEED") ?? Math.floor(Math.random() * 2 ** 31),
);
const STEPS = 40;
const MODES: Readonly<Record<string, Partial<DataInput>>> = {
  indexed: { workers: 1 },
  streamed: { streaming: true, shuffle_buffer: 30, workers: 2 },
};
/** How a process ends before its time. */
const DEATHS = ["SIGKILL", "SIGHUP", "SIGTERM", "SIGINT", "pipe"] as const;
type Death = typeof DEATHS[number];

/** Deaths that let a run save first. */
const SAVES: readonly Death[] = ["SIGHUP", "SIGTERM", "SIGINT"];

function writeRun(folder: string, name: string, mode: string): void {
  const rows = join(folder, "rows.jsonl");
  if (!existsSync(rows)) {
    Deno.writeTextFileSync(
      rows,
      tinyRows(80).map((row) => JSON.stringify(row) + "\n").join(""),
    );
  }
  const run: RunInput = tinyRun(join(folder, name), {
    backend: { use: "cpu", blas: "off", workers: 1 },
    trackers: ["console", "jsonl"],
    data: {
      train: [{ path: rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      ...MODES[mode],
    },
    training: { epochs: 10, max_steps: STEPS, save_steps: 3, logging_steps: 1 },
  });
  Deno.writeTextFileSync(join(folder, `${name}.json`), JSON.stringify(run));
}

interface Trained extends Done {
  readonly signal: Deno.Signal | null;
}

/** Trains; where a death is given, it comes after so many ms. */
async function train(
  folder: string,
  name: string,
  { death, after = 0, more = [] }: {
    readonly death?: Death;
    readonly after?: number;
    readonly more?: readonly string[];
  } = {},
): Promise<Trained> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      projectFile("mod.ts"),
      "train",
      `${name}.json`,
      ...more,
    ],
    cwd: folder,
    env: { NO_COLOR: "1", DENOTUNE_CACHE: `${folder}/cache` },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text = async (stream: ReadableStream<Uint8Array>, closes: boolean) => {
    let all = "";
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    const closing = closes
      ? setTimeout(() => void reader.cancel().catch(() => {}), after)
      : undefined;
    for (
      let next = await reader.read();
      !next.done;
      next = await reader.read()
    ) {
      all += next.value;
    }
    clearTimeout(closing);
    return all;
  };
  const closes = death === "pipe";
  const reading = Promise.all([
    text(process.stdout, closes),
    text(process.stderr, closes),
  ]);
  const timer = death === undefined || death === "pipe"
    ? undefined
    : setTimeout(() => {
      try {
        process.kill(death);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended by itself
      }
    }, after);
  const { code, signal } = await process.status;
  clearTimeout(timer);
  const [out, err] = await reading;
  return { code, signal, out, err };
}

/** Every checkpoint is whole. Returns the newest step, 0 where there is none. */
function newestStep(outputDir: string): number {
  if (!existsSync(outputDir)) return 0;
  const all = listCheckpoints(outputDir);
  for (const { path, step } of all) {
    verifyChecksums(path);
    assert.equal(readCheckpointState(path).state.step, step);
  }
  return all.at(-1)?.step ?? 0;
}

/** The run is done, each step is in its metrics once, and nothing half written is left. */
function checkWhole(outputDir: string, wanted: Uint8Array, why: string): void {
  const steps = Deno.readTextFileSync(join(outputDir, "metrics.jsonl")).trim()
    .split("\n").map((line) => JSON.parse(line))
    .filter(({ event }) => event === "step").map(({ step }) => step);
  assert.deepEqual(steps, Array.from({ length: STEPS }, (_, i) => i + 1), why);
  assert.deepEqual(weightBytes(outputDir), wanted, why);
  const left = [...Deno.readDirSync(outputDir)].map(({ name }) => name)
    .filter((name) => name.startsWith("."));
  assert.deepEqual(left, [], why);
}

for (const [m, mode] of Object.keys(MODES).entries()) {
  Deno.test(`${mode}: runs that die in every way at random moments lose nothing and end with the bits of an undisturbed run`, async () => {
    using folder = emptyFolder();
    writeRun(folder.path, "whole", mode);
    const began = performance.now();
    const whole = await train(folder.path, "whole");
    const lasts = performance.now() - began;
    assert.equal(whole.code, 0, whole.err);
    const wanted = weightBytes(join(folder.path, "whole"));
    const random = randomFrom(SEED, m);
    const goal = ALL ? 25 : 3;
    let deaths = 0;
    for (let run = 1; deaths < goal; run++) {
      assert.ok(run < 4 * goal, "no run lasts long enough to die");
      const name = `run${run}`;
      const output = join(folder.path, name);
      writeRun(folder.path, name, mode);
      let reached = 0;
      while (true) {
        const death = deaths < goal
          ? DEATHS[random.below(DEATHS.length)]
          : undefined;
        const after = random.next() * lasts;
        const why =
          `seed ${SEED}, ${mode}, ${name}: ${death} after ${after.toFixed()} ms`;
        const ended = await train(folder.path, name, { death, after });
        const said = `${why}\n${ended.out}${ended.err}`;
        const newest = newestStep(output);
        assert.ok(newest >= reached, `went back to ${newest}: ${said}`);
        reached = newest;
        if (existsSync(join(output, "summary.json"))) {
          checkWhole(output, wanted, said);
          break;
        }
        deaths++;
        assert.notEqual(ended.code, 0, said);
        if (death === "SIGKILL") assert.equal(ended.signal, "SIGKILL", said);
        else if (ended.signal === null) {
          assert.ok([130, 1].includes(ended.code), `${ended.code}: ${said}`);
        }
        const last = [...ended.out.matchAll(/^step (\d+)\//gm)].at(-1);
        if (
          ended.code === 130 && death !== undefined && SAVES.includes(death)
        ) {
          assert.ok(
            reached >= Number(last?.[1] ?? 0),
            `step ${last?.[1]} was lost: ${said}`,
          );
        }
      }
    }
  });

  Deno.test(`${mode}: of two runs at once in one folder one trains, the other is refused or finds it done`, async () => {
    using folder = emptyFolder();
    writeRun(folder.path, "whole", mode);
    const began = performance.now();
    assert.equal((await train(folder.path, "whole")).code, 0);
    const lasts = performance.now() - began;
    const wanted = weightBytes(join(folder.path, "whole"));
    const random = randomFrom(SEED, 10 + m);
    for (let pair = 0; pair < (ALL ? 10 : 1); pair++) {
      const name = `pair${pair}`;
      writeRun(folder.path, name, mode);
      const wait = random.next() * 0.7 * lasts;
      const never = random.below(2) === 0;
      const why = `seed ${SEED}, ${mode}, pair ${pair}, ${wait.toFixed()} ms, ${
        never ? "resume=never" : "resume=auto"
      }`;
      const both = await Promise.all([
        train(folder.path, name),
        new Promise((done) => setTimeout(done, wait)).then(() =>
          train(folder.path, name, {
            more: never ? ["training.resume=never"] : [],
          })
        ),
      ]);
      for (const { code, err } of both) {
        assert.ok([0, 2].includes(code), `${why}: ${code}: ${err}`);
        if (code === 2) assert.match(err, /in use by /, why);
      }
      assert.ok(both.some(({ code }) => code === 0), why);
      checkWhole(join(folder.path, name), wanted, why);
    }
  });

  Deno.test(`${mode}: two runs at once in different folders share a cache and end with the same bits`, async () => {
    using folder = emptyFolder();
    const random = randomFrom(SEED, 20 + m);
    let wanted: Uint8Array | null = null;
    for (let pair = 0; pair < (ALL ? 5 : 1); pair++) {
      await Deno.remove(join(folder.path, "cache"), { recursive: true }).catch(
        () => {},
      );
      const wait = random.next() * 500;
      const why = `seed ${SEED}, ${mode}, pair ${pair}, ${wait.toFixed()} ms`;
      const names = [`left${pair}`, `right${pair}`];
      for (const name of names) writeRun(folder.path, name, mode);
      const both = await Promise.all([
        train(folder.path, names[0]),
        new Promise((done) => setTimeout(done, wait)).then(() =>
          train(folder.path, names[1])
        ),
      ]);
      for (const { code, err } of both) assert.equal(code, 0, `${why}: ${err}`);
      for (const name of names) {
        wanted ??= weightBytes(join(folder.path, name));
        checkWhole(join(folder.path, name), wanted, why);
      }
    }
  });
}
