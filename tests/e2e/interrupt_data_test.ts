/**
 * Ctrl-C while rows are prepared and while they are streamed: the process ends with 130, nothing half written
 * is left, and who goes on ends with the bits of a run that nobody stopped.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DataInput } from "../../core/config/types.ts";
import {
  listCheckpoints,
  readCheckpointState,
} from "../../core/run/saving/checkpoint.ts";
import { tinyRows, tinyRun, weightBytes } from "../run_harness.ts";
import { emptyFolder, projectFile, type Running, start } from "./_denotune.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

function train(folder: string, name: string): Running {
  return start(folder, projectFile("mod.ts"), "train", `${name}.json`);
}

function writeRun(
  folder: string,
  name: string,
  more: Partial<DataInput>,
  maxSteps: number,
): void {
  const run = tinyRun(join(folder, name), {
    trackers: ["console"],
    data: {
      train: [{ path: join(folder, "rows.jsonl"), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      ...more,
    },
    training: { epochs: 50, max_steps: maxSteps },
  });
  Deno.writeTextFileSync(join(folder, `${name}.json`), JSON.stringify(run));
}

/** Every path below a folder. */
function below(path: string): string[] {
  if (!existsSync(path)) return [];
  return [...Deno.readDirSync(path)].flatMap((entry) => [
    entry.name,
    ...(entry.isDirectory ? below(join(path, entry.name)) : []),
  ]);
}

for (const workers of [1, 2]) {
  Deno.test(`Ctrl-C while ${workers === 1 ? "one thread prepares" : "workers prepare"} rows exits with 130 and leaves nothing`, async () => {
    using folder = emptyFolder();
    const row = (i: number) =>
      JSON.stringify({
        instruction: `${i} `.repeat(20),
        output: "word ".repeat(60),
      }) + "\n";
    Deno.writeTextFileSync(
      join(folder.path, "rows.jsonl"),
      Array.from({ length: 120_000 }, (_, i) => row(i)).join(""),
    );
    writeRun(folder.path, "run", { workers, max_length: 512 }, 5);
    const running = train(folder.path, "run");
    const prepared = join(folder.path, "cache", "prepared");
    while (below(prepared).length === 0) await sleep(5); // the pass has begun
    if (workers > 1) await sleep(600); // their parts are made
    running.process.kill("SIGINT");
    const { code, out, err } = await running.end();
    assert.equal(code, 130, out + err);
    assert.match(
      err,
      /Stopped before the first step: there is nothing to save/,
    );
    assert.doesNotMatch(out, /memory /);
    assert.deepEqual(below(prepared), []);
    assert.ok(!existsSync(join(folder.path, "run")));
  });
}

Deno.test("Ctrl-C while rows are streamed saves and exits with 130, and the same command goes on to the same bits", async () => {
  using folder = emptyFolder();
  Deno.writeTextFileSync(
    join(folder.path, "rows.jsonl"),
    tinyRows(700).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const data: Partial<DataInput> = {
    streaming: true,
    shuffle_buffer: 100,
    collator: { use: "packed", window: 64 },
  };
  writeRun(folder.path, "whole", { ...data, workers: 1 }, 260);
  assert.equal((await train(folder.path, "whole").end()).code, 0);
  writeRun(folder.path, "stopped", { ...data, workers: 2 }, 260);
  const output = join(folder.path, "stopped");
  let interrupts = 0;
  for (let last = 0;;) {
    const running = train(folder.path, "stopped");
    await running.until("/260");
    if (interrupts < 2) running.process.kill("SIGINT");
    const { code, out, err } = await running.end();
    if (code === 0) break;
    interrupts++;
    assert.equal(code, 130, out + err);
    const newest = listCheckpoints(output).at(-1);
    assert.ok(newest !== undefined && newest.step > last);
    const { state, stream } = readCheckpointState(newest.path);
    assert.equal(state.step, newest.step);
    assert.ok(stream != null);
    assert.deepEqual(below(output).filter((name) => name.includes("tmp")), []);
    last = newest.step;
  }
  assert.equal(interrupts, 2);
  assert.deepEqual(
    weightBytes(output),
    weightBytes(join(folder.path, "whole")),
  );
});
