import assert from "node:assert/strict";
import { findRuns } from "../../../../core/run/log/find_runs.ts";
import { RunLog } from "../../../../core/run/log/run_log.ts";
import { runState } from "../../../../core/run/log/run_state.ts";
import { lockRunFolder } from "../../../../core/run/run_lock.ts";
import { testFolder } from "../../../run_harness.ts";

const START = { event: "start", step: 0 };

Deno.test("the state follows from the last start, the last end and the process that holds the folder", async () => {
  using folder = testFolder();
  const path = folder.at("run");
  Deno.mkdirSync(path);
  const state = async (...events: readonly object[]) => {
    Deno.writeTextFileSync(
      `${path}/metrics.jsonl`,
      events.map((event) => JSON.stringify(event) + "\n").join(""),
    );
    const log = new RunLog(path);
    await log.refresh();
    return runState(path, log);
  };
  const end = (status: string, error: string | null = null) => ({
    event: "end",
    step: 9,
    status,
    error,
  });
  assert.equal((await state(START, end("done"))).state, "finished");
  assert.deepEqual(await state(START, end("failed", "No <b>memory</b>")), {
    state: "failed",
    reason: "No <b>memory</b>",
  });
  assert.equal((await state(START, end("interrupted"))).state, "stopped");
  assert.match((await state()).reason ?? "", /`jsonl` is missing/);
  Deno.writeTextFileSync(`${path}/summary.json`, "{}");
  assert.equal((await state()).state, "finished");
  Deno.removeSync(`${path}/summary.json`);
  // killed: no end, and nobody holds the folder
  assert.equal((await state(START)).state, "stopped");
  {
    using _lock = lockRunFolder(path);
    assert.equal((await state(START)).state, "running");
    assert.equal((await state()).state, "preparing");
    assert.equal(
      (await state(START, end("interrupted"), START)).state,
      "running",
    );
    assert.equal((await state(START, end("interrupted"))).state, "preparing");
  }
  // the lock of a process that was killed is left behind
  Deno.writeTextFileSync(
    folder.at(".run.lock"),
    JSON.stringify({ pid: 2 ** 22 + 1, host: Deno.hostname(), since: "" }),
  );
  assert.equal((await state(START)).state, "stopped");
  // its number is another process's by now, as after each start of a container
  const owned = (since: string) =>
    Deno.writeTextFileSync(
      folder.at(".run.lock"),
      JSON.stringify({ pid: Deno.pid, host: Deno.hostname(), since }),
    );
  owned(new Date().toISOString());
  assert.equal((await state(START)).state, "running");
  owned("2001-01-01T00:00:00.000Z");
  const known = Deno.build.os === "linux"; // elsewhere nothing says when a process began
  assert.equal((await state(START)).state, known ? "stopped" : "running");
});

Deno.test("runs are found in a folder, in folders of it, and where the folder is one itself", async () => {
  using folder = testFolder();
  for (const name of ["a", "sweep/b", "sweep/c", "a/checkpoint-3", ".hidden"]) {
    Deno.mkdirSync(folder.at(name), { recursive: true });
    Deno.writeTextFileSync(folder.at(name, "metrics.jsonl"), "");
  }
  Deno.mkdirSync(folder.at("empty"));
  Deno.symlinkSync(folder.path, folder.at("loop"));
  const names = (await findRuns(folder.path)).map(({ name }) => name).sort();
  assert.deepEqual(names, ["a", "sweep/b", "sweep/c"]);
  assert.equal((await findRuns(folder.at("a"))).length, 1);
  assert.deepEqual(await findRuns(folder.at("nowhere")), []);
});
