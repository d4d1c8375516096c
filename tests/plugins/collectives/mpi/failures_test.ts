/**
 * Ranks that are killed, stopped or interrupted end the whole run soon, with the newest checkpoint named, and leave
 * only whole checkpoints. MPICH's launcher kills the other ranks itself, so that they can name nothing.
 */
import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { testFolder } from "../../../run_harness.ts";
import { launchers } from "./_launch.ts";
import { assertWhole, startTraining, writeRun } from "./_train.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
/** Thirty seconds on a machine of its own; beside other tests it is only told from a run that never ends. */
const MOST_SECONDS = ALL ? 30 : 120;

/** How often the ranks name a checkpoint of the folder. */
function named(text: string, outputDir: string): number {
  return text.split(`Its last complete checkpoint is ${outputDir}/checkpoint-`)
    .length - 1;
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

  Deno.test({
    name: `${launcher.name}: a signal at the launcher saves and ends all ranks`,
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
      training.child.kill("SIGINT");
      const { text, seconds } = await training.ended(from);
      assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
      const step = /interrupted after (\d+) steps/.exec(text)?.[1];
      assert.ok(Deno.statSync(folder.at("out", `checkpoint-${step}`)));
      assert.equal(named(text, folder.at("out")), 2, text);
      assertWhole(folder.at("out"));
      assert.deepEqual(training.pids(), []);
    },
  });

  const random = randomFrom(5, 19);
  for (let i = 0; i < (ALL ? 20 : 0); i++) {
    const victim = random.below(3);
    const after = 300 + random.below(4000);
    Deno.test(`${launcher.name}: rank ${victim} killed after ${after} ms ends the run, and checkpoints are whole`, async () => {
      using folder = testFolder();
      const run = writeRun(folder);
      const training = startTraining(
        launcher,
        [[run], [run], [run]],
        folder.at("out"),
      );
      await new Promise((resolve) => setTimeout(resolve, after));
      const from = performance.now();
      const pids = training.pids();
      if (pids.length === 3) Deno.kill(pids[victim], "SIGKILL");
      else training.child.kill("SIGTERM"); // it has not started yet
      const { code, seconds } = await training.ended(from);
      assert.notEqual(code, 0);
      assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
      assert.deepEqual(training.pids(), []);
      try {
        assertWhole(folder.at("out"));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    });
  }
}
