/**
 * Devices that die in the middle of a run: it ends with 1, says from which checkpoint it goes on and with
 * which command, and that command ends with the bits of a run that nobody disturbed.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunInput } from "../../core/config/types.ts";
import { tinyRows, tinyRun, weightBytes } from "../run_harness.ts";
import { missing, title } from "../backends/webgpu/_device.ts";
import { denotune, type Done, emptyFolder, projectFile } from "./_denotune.ts";
import type { DyingOptions } from "./dying_backend/plugin.ts";

/** Writes a run of 16 steps, each of two programs. */
function writeRun(
  folder: string,
  name: string,
  dying: Omit<DyingOptions, "once"> | null,
): void {
  const rows = join(folder, "rows.jsonl");
  Deno.writeTextFileSync(
    rows,
    tinyRows(64).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const once = join(folder, dying === null ? "rows.jsonl" : `${name}.died`);
  const run: RunInput = tinyRun(name, {
    plugins: [projectFile("tests/e2e/dying_backend/plugin.ts")],
    backend: { use: "dying", after: 0, how: "lost", ...dying, once },
    trackers: ["console", "jsonl"],
    data: {
      train: [{ path: rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 48,
    },
    training: { epochs: 1, save_steps: 3, logging_steps: 1 },
  });
  Deno.writeTextFileSync(join(folder, `${name}.json`), JSON.stringify(run));
}

function assertTold({ code, out, err }: Done, name: string): void {
  assert.equal(code, 1, out + err);
  assert.match(
    err,
    new RegExp(`Resume it with: .*mod\\.ts train ${name}\\.json\n`),
  );
  assert.doesNotMatch(err, /^\s+at /m); // no stack trace
  assert.doesNotMatch(err, /fault in denotune/);
}

Deno.test({
  name: title(
    "a run whose device is lost, and one whose worker crashes, say how to go on, and go on to the same bits",
  ),
  ignore: missing !== null,
  async fn() {
    using folder = emptyFolder();
    writeRun(folder.path, "whole", null);
    // the plugin is the project's own, elsewhere: it is remembered for the runs that follow
    const whole = await denotune(
      folder.path,
      "train",
      "whole.json",
      "--trust",
    );
    assert.equal(whole.code, 0, whole.out + whole.err);
    for (const how of ["lost", "crash"] as const) {
      writeRun(folder.path, how, { after: 16, how });
      const died = await denotune(folder.path, "train", `${how}.json`);
      assertTold(died, how);
      assert.match(
        died.err,
        how === "lost"
          ? /The GPU device was lost/
          : /worker of the webgpu device has crashed.*up in smoke/,
      );
      const [, at] = /checkpoint is \S+checkpoint-(\d+) \(step \1\)/.exec(
        died.err,
      ) ?? assert.fail(died.err);
      assert.equal(at, "6"); // the sixteenth program ends the eighth step
      const events = Deno.readTextFileSync(
        join(folder.path, how, "metrics.jsonl"),
      ).trim().split("\n").map((line) => JSON.parse(line));
      assert.equal(events.at(-1).event, "end");
      assert.equal(events.at(-1).status, "failed");
      assert.ok(events.filter((e) => e.event === "step").length >= 6);

      const again = await denotune(folder.path, "train", `${how}.json`);
      assert.equal(again.code, 0, again.out + again.err);
      assert.match(again.out, /step 6|checkpoint-6/);
      assert.deepEqual(
        weightBytes(join(folder.path, how)),
        weightBytes(join(folder.path, "whole")),
      );
    }
  },
});

Deno.test({
  name: title("a device that is lost before anything was saved says so"),
  ignore: missing !== null,
  async fn() {
    using folder = emptyFolder();
    writeRun(folder.path, "early", { after: 3, how: "lost" });
    const died = await denotune(folder.path, "train", "early.json", "--trust");
    assertTold(died, "early");
    assert.match(died.err, /No checkpoint was complete yet/);
  },
});
