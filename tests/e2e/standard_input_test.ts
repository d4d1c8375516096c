/**
 * Rows piped into the command line, and runs on them that are stopped and go on.
 */
import assert from "node:assert/strict";
import { loadRun } from "../../core/config/load.ts";
import { callbackTracker } from "../../core/run/callback_tracker.ts";
import { trainRun } from "../../core/run/run.ts";
import {
  builtinRegistry,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../run_harness.ts";
import { projectFile } from "./_denotune.ts";

const LINES = tinyRows(24).map((row) => JSON.stringify(row) + "\n").join("");

async function check(
  folder: TestFolder,
  input: string,
): Promise<{ code: number; out: string; err: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      projectFile("mod.ts"),
      "check",
      "run.json",
    ],
    cwd: folder.path,
    env: { NO_COLOR: "1", DENOTUNE_CACHE: folder.at("cache") },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await ReadableStream.from([new TextEncoder().encode(input)])
    .pipeTo(process.stdin);
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("rows are piped into the command line", async () => {
  using folder = testFolder();
  Deno.writeTextFileSync(
    folder.at("run.json"),
    JSON.stringify({
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      adapter: null,
      backend: { use: "cpu", blas: "off" },
      data: { train: [{ path: "-" }], template: "alpaca", max_length: 128 },
    }),
  );
  const { code, out, err } = await check(folder, LINES);
  assert.equal(code, 0, err);
  assert.match(out + err, /24 rows/);
  const empty = await check(folder, "");
  assert.equal(empty.code, 2);
  assert.match(empty.err, /standard input, and nothing came/);
});

Deno.test("a run on piped rows goes on when the same rows are piped in again, and refuses others", async () => {
  using folder = testFolder();
  async function train(input: string, stopAt: number | null) {
    const run = await loadRun({
      object: {
        ...tinyRun(folder.at("run"), {
          data: { train: [{ path: "-", format: "alpaca" }] },
          training: { max_steps: 5 },
        }),
        trackers: [],
      },
      registry: builtinRegistry(),
      env: (name) => name === "DENOTUNE_CACHE" ? folder.at("cache") : undefined,
      stdin: ReadableStream.from([new TextEncoder().encode(input)]),
    });
    const controller = new AbortController();
    const resumed: (number | null)[] = [];
    const { status } = await trainRun(run, {
      signal: controller.signal,
      trackers: [callbackTracker((e) => {
        if (e.event === "start") resumed.push(e.resumed_at);
        if (e.event === "step" && e.step === stopAt) controller.abort();
      })],
    });
    return { status, resumed };
  }
  assert.equal((await train(LINES, 2)).status, "interrupted");
  await assert.rejects(
    train(LINES.replaceAll('"output"', '"output" '), null),
    (error: Error) => {
      assert.match(error.message, /data\.train\.0\.path/);
      assert.match(error.message, /training\.resume=never/);
      return true;
    },
  );
  assert.deepEqual(await train(LINES, null), { status: "done", resumed: [2] });
});
