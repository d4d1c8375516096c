/**
 * The page that `train --ui` starts beside a run.
 */
import assert from "node:assert/strict";
import { testFolder, TINY_LLAMA, tinyRows } from "../../../run_harness.ts";

Deno.test("train --ui says the address of its run on standard error, and the page ends with the run, however that dies", async () => {
  using folder = testFolder();
  Deno.writeTextFileSync(
    folder.at("rows.jsonl"),
    tinyRows(32).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  Deno.writeTextFileSync(
    folder.at("run.json"),
    JSON.stringify({
      output_dir: folder.at("runs", "a run"),
      backend: { use: "cpu", blas: "off", workers: 1 },
      model: { from_config: TINY_LLAMA },
      tokenizer: { use: "byte" },
      adapter: null,
      data: { train: [{ path: folder.at("rows.jsonl"), format: "alpaca" }] },
      training: { epochs: 100_000, batch_size: 2, eval_steps: null },
    }),
  );
  const run = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "mod.ts",
      "train",
      folder.at("run.json"),
      "--ui",
    ],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = run.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/token=\w+\n/.test(said)) {
    const { value, done } = await reader.read();
    assert.ok(!done, said);
    said += value;
  }
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
  assert.match(said, /\/#\/run\/a%20run&token=/);
  let state = "";
  for (let i = 0; i < 300 && state !== "running"; i++) {
    const { runs } = await (await fetch(`${base}/api/runs`)).json();
    state = runs[0]?.state ?? "";
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.equal(state, "running");
  run.kill("SIGKILL");
  await run.status;
  await reader.cancel();
  const isGone = async () => {
    try {
      await (await fetch(`${base}/api/runs`)).body?.cancel();
      return false;
    } catch {
      return true;
    }
  };
  for (let i = 0; i < 50 && !await isGone(); i++) {
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.equal(await isGone(), true);
});
