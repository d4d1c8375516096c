/**
 * What a run with `profile: true` tells of its steps.
 */
import assert from "node:assert/strict";
import { profileLines } from "../../../../plugins/trackers/_profile_lines.ts";
import { missing, title } from "../../../backends/webgpu/_device.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../../run_harness.ts";

Deno.test({
  name: title(
    "a profiled run on webgpu tells what a step does, and that nothing is made after the first",
  ),
  ignore: missing !== null,
  async fn() {
    using folder = testFolder();
    const run = await runConfig(tinyRun(folder.at("run"), {
      backend: { use: "webgpu", tune: "off", profile: true },
      data: {
        train: [{ rows: tinyRows(32), format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 48, // of many lengths
      },
      // a checkpoint in the middle is no step
      training: { max_steps: 6, logging_steps: 6, save_steps: 3 },
    }));
    const [profile, ...more] = run.of("profile");
    assert.deepEqual(more, []);
    assert.equal(profile.steps, 5);
    const { counts, kernels } = profile;
    assert.equal(counts.pipelines, 0);
    assert.equal(counts.bindGroups, 0);
    assert.equal(counts.buffers, 0);
    assert.equal(counts.runs, 2); // micro and update
    // each of them one, and a few for the timestamps and for reading the ring
    assert.ok(counts.submits >= 2 && counts.submits < 4, `${counts.submits}`);
    assert.ok(counts.dispatches > 20, `${counts.dispatches}`);
    assert.ok(kernels.some((k) => /^matmul/.test(k.kernel)));
    const calls = kernels.reduce((sum, k) => sum + k.calls, 0);
    if (kernels.some((k) => k.seconds > 0)) { // the adapter has timestamps
      assert.equal(calls, counts.dispatches * profile.steps);
    }
    const [first, second] = profileLines(profile, "profile");
    assert.match(
      first,
      /^profile 5 steps: [\d.]+ ms of kernels a step; .*dispatches.*0 bindGroups/,
    );
    assert.match(second, /^ +[\d.]+ ms +[\d.]+ % +\d+ calls {2}\w+/);
  },
});

Deno.test({
  name: "a run that measures nothing tells no profile",
  async fn() {
    using folder = testFolder();
    const run = await runConfig(
      tinyRun(folder.at("run"), {
        training: { max_steps: 2, logging_steps: 1 },
      }),
    );
    assert.deepEqual(run.of("profile"), []);
  },
});
