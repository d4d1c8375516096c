/**
 * Ranks that are killed, stopped or interrupted end the whole run soon, with the newest checkpoint named, and leave
 * only whole checkpoints. MPICH's launcher kills the other ranks itself, so that they can name nothing.
 */
import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { listCheckpoints } from "../../../../core/run/saving/checkpoint.ts";
import { testFolder, weightBytes } from "../../../run_harness.ts";
import { type Launcher, launchers } from "./_launch.ts";
import { assertNear } from "./_lines.ts";
import {
  assertWhole,
  lossesOf,
  type Moment,
  named,
  SHORT,
  startTraining,
  writeRun,
} from "./_train.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
/** Thirty seconds on a machine of its own; beside other tests it is only told from a run that never ends. */
const MOST_SECONDS = ALL ? 30 : 120;

/** Twenty moments at which a rank is killed, and how many milliseconds later at most. */
const KILLS: readonly (readonly [Moment, number])[] = [
  ["starting", 300],
  ["starting", 800],
  ["starting", 1500],
  ["planning", 100],
  ["planning", 1000],
  ["planning", 1500],
  ["beginning to train", 300],
  ["beginning to train", 1000],
  ["saving", 1],
  ["saving", 10],
  ["saving", 30],
  ["saving", 50],
  ["evaluating", 1],
  ["evaluating", 30],
  ["evaluating", 60],
  ["training on", 50],
  ["training on", 200],
  ["training on", 400],
  ["writing the model", 5],
  ["ending", 30],
];

/** When a rank is stopped for good. */
const STOPS: readonly (readonly [Moment, number])[] = [
  ["starting", 500],
  ["planning", 300],
  ["saving", 1],
  ["evaluating", 1],
  ["ending", 0],
  ["ending", 20],
  ["ending", 50],
];

/** Who asks a run to end, by which signal, and whether ranks get it too: once from there, once by the launcher. */
const ASKED_TO_END: readonly (readonly [string, Deno.Signal, boolean])[] = [
  ["Ctrl-C at the launcher", "SIGINT", false],
  ["SIGTERM to the launcher", "SIGTERM", false],
  ["SIGTERM to the launcher and each rank", "SIGTERM", true],
];

const INTERRUPTED_AT: readonly Moment[] = [
  "starting",
  "planning",
  "saving",
  "evaluating",
  "ending",
];

/** What is made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => made ??= make();
}

/** The losses and the weights of a run that nothing ended. */
interface Whole {
  readonly losses: readonly number[];
  readonly weights: Uint8Array;
}

/** A run of three ranks that nothing ends. */
async function wholeRun(launcher: Launcher): Promise<Whole> {
  using folder = testFolder();
  const run = writeRun(folder, SHORT);
  const out = folder.at("out");
  const training = startTraining(launcher, [[run], [run], [run]], out);
  const { code, text } = await training.ended(performance.now());
  assert.equal(code, 0, text);
  return { losses: lossesOf(out), weights: weightBytes(out) };
}

/** Step of the newest checkpoint, all of which are whole; 0: there is none. */
function newestOf(out: string): number {
  try {
    assertWhole(out);
    return listCheckpoints(out).at(-1)?.step ?? 0;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return 0;
  }
}

/** Whether a run came to its end. */
function isDone(out: string): boolean {
  try {
    return Deno.statSync(`${out}/summary.json`).isFile;
  } catch {
    return false;
  }
}

/**
 * The same command with so many ranks ends a run that was ended early: with the bits of one that was not, where there
 * are as many ranks, else with its losses but for rounding (1e-5).
 */
async function assertResumes(
  launcher: Launcher,
  { run, out, world, whole }: {
    readonly run: string;
    readonly out: string;
    readonly world: number;
    readonly whole: Whole;
  },
): Promise<void> {
  const newest = newestOf(out);
  const training = startTraining(
    launcher,
    Array.from({ length: world }, () => [run]),
    out,
  );
  const { code, text } = await training.ended(performance.now());
  assert.equal(code, 0, text);
  const losses = lossesOf(out);
  // the console and the log of a killed process may have lost lines before the newest checkpoint
  const wanted = whole.losses.slice(newest);
  assertNear(losses.slice(newest), {
    wanted,
    name: `resumed at ${newest}`,
    tolerance: world === 3 ? 0 : 1e-5,
  });
  if (world === 3) assert.deepEqual(weightBytes(out), whole.weights);
}

for (const launcher of launchers().slice(0, ALL ? undefined : 1)) {
  Deno.test({
    name:
      `${launcher.name}: ranks with other settings are refused, each difference named`,
    ignore: !ALL,
    async fn() {
      using folder = testFolder();
      const run = writeRun(folder);
      const training = startTraining(launcher, [
        [run],
        [run, "optimizer.learning_rate=0.5", "data.max_length=60"],
      ], folder.at("out"));
      const { code, text } = await training.ended(performance.now());
      assert.notEqual(code, 0);
      assert.match(text, /optimizer.learning_rate: 0.00005 on rank 0, 0.5 on/);
      assert.match(text, /data.max_length: 64 on rank 0, 60 on rank 1/);
      assert.throws(
        () => Deno.statSync(folder.at("out")),
        Deno.errors.NotFound,
      );
    },
  });

  Deno.test(`${launcher.name}: a stopped rank ends the run within ${MOST_SECONDS} seconds, the newest checkpoint named on every rank`, async () => {
    using folder = testFolder();
    const run = writeRun(folder, {
      parallel: { use: "mpi", timeout_seconds: ALL ? 15 : 3 },
    });
    const training = startTraining(
      launcher,
      Array.from({ length: ALL ? 3 : 2 }, () => [run]),
      folder.at("out"),
    );
    await training.saved();
    const from = performance.now();
    Deno.kill(training.pids()[1], "SIGSTOP");
    const { code, text, seconds } = await training.ended(from);
    assert.notEqual(code, 0);
    assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
    assert.match(text, /rank 1 of \d \(.*\) gave no sign of life/);
    assert.ok(named(text, folder.at("out")) >= (ALL ? 2 : 1), text);
    assertWhole(folder.at("out"));
  });

  for (const [what, signal, toRanks] of ASKED_TO_END) {
    Deno.test({
      name: `${launcher.name}: ${what} saves and ends all ranks`,
      ignore: !ALL,
      async fn() {
        using folder = testFolder();
        const run = writeRun(folder);
        const training = startTraining(
          launcher,
          [[run], [run]],
          folder.at("out"),
        );
        await training.saved();
        const from = performance.now();
        training.child.kill(signal);
        for (const pid of toRanks ? training.pids() : []) {
          Deno.kill(pid, signal);
        }
        const { text, seconds } = await training.ended(from);
        assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
        const step = /interrupted after (\d+) steps/.exec(text)?.[1];
        assert.ok(step !== undefined, text);
        assert.ok(Deno.statSync(folder.at("out", `checkpoint-${step}`)));
        assert.equal(named(text, folder.at("out")), 2, text);
        assertWhole(folder.at("out"));
        assert.deepEqual(training.pids(), []);
      },
    });
  }

  const whole = once(() => wholeRun(launcher));
  const random = randomFrom(5, 19);
  for (let i = 0; i < (ALL ? KILLS.length : 0); i++) {
    const [moment, most] = KILLS[i];
    const victim = random.below(3);
    const after = random.below(most);
    const world = [3, 2, 3, 1, 4][i % 5];
    Deno.test(`${launcher.name}: rank ${victim} killed ${after} ms after ${moment} ends the run, checkpoints are whole, and ${world} ranks resume it`, async () => {
      using folder = testFolder();
      const run = writeRun(folder, SHORT);
      const out = folder.at("out");
      const training = startTraining(launcher, [[run], [run], [run]], out);
      await training.reached(moment);
      await new Promise((resolve) => setTimeout(resolve, after));
      const from = performance.now();
      const pids = training.pids();
      const isKilled = pids.length === 3;
      if (isKilled) Deno.kill(pids[victim], "SIGKILL");
      // not all have started yet, or some have ended
      else if (moment === "starting") training.child.kill("SIGTERM");
      const { code, text, seconds } = await training.ended(from);
      if (isKilled && moment !== "ending") assert.notEqual(code, 0, text);
      assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
      assert.deepEqual(training.pids(), []);
      const newest = newestOf(out);
      if (isKilled && newest > 0 && launcher.name === "Open MPI") {
        // a rank names none before it trains, nor when it has ended
        const isTraining = ["saving", "training on", "evaluating"]
          .includes(moment);
        if (isTraining) assert.ok(named(text, out) > 0, text);
      }
      if (isDone(out)) return;
      await assertResumes(launcher, { run, out, world, whole: await whole() });
    });
  }

  for (
    const [moment, after] of ALL ? STOPS : []
  ) {
    Deno.test(`${launcher.name}: a rank that is stopped ${after} ms after ${moment} ends the run`, async () => {
      using folder = testFolder();
      const timeout_seconds = moment === "starting" ? 5 : 10;
      const run = writeRun(folder, {
        ...SHORT,
        parallel: { use: "mpi", timeout_seconds },
      });
      const out = folder.at("out");
      const training = startTraining(launcher, [[run], [run], [run]], out);
      await training.reached(moment);
      await new Promise((resolve) => setTimeout(resolve, after));
      const from = performance.now();
      const [, pid] = training.pids();
      if (pid !== undefined) Deno.kill(pid, "SIGSTOP");
      const { text, seconds } = await training.ended(from);
      assert.ok(seconds < MOST_SECONDS, `${seconds} s: ${text}`);
      assert.deepEqual(training.pids(), []);
      newestOf(out);
      if (isDone(out)) return;
      await assertResumes(launcher, {
        run,
        out,
        world: 2,
        whole: await whole(),
      });
    });
  }

  for (
    const [moment, signal] of ALL
      ? INTERRUPTED_AT.flatMap((moment) =>
        (["SIGINT", "SIGTERM"] as const).map((signal) =>
          [moment, signal] as const
        )
      )
      : []
  ) {
    Deno.test(`${launcher.name}: ${signal} at the launcher while ${moment} ends all ranks, and the run resumes`, async () => {
      using folder = testFolder();
      const run = writeRun(folder, SHORT);
      const out = folder.at("out");
      const training = startTraining(launcher, [[run], [run], [run]], out);
      await training.reached(moment);
      const from = performance.now();
      training.child.kill(signal);
      const { text, seconds } = await training.ended(from);
      assert.ok(seconds < MOST_SECONDS, `${seconds} s: ${text}`);
      assert.deepEqual(training.pids(), []);
      newestOf(out);
      if (isDone(out)) return;
      await assertResumes(launcher, {
        run,
        out,
        world: 3,
        whole: await whole(),
      });
    });
  }
}
