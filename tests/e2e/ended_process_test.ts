/**
 * What ends a process before its time: plugins that never settle or exit, a closed terminal, a closed pipe, two
 * runs in one folder.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { listCheckpoints } from "../../core/run/saving/checkpoint.ts";
import { tinyRows, tinyRun } from "../run_harness.ts";
import { emptyFolder, projectFile, start } from "./_denotune.ts";

const CORE = new URL("../../core/mod.ts", import.meta.url).href;

function writeRun(folder: string, more: Record<string, unknown> = {}): string {
  const rows = join(folder, "rows.jsonl");
  Deno.writeTextFileSync(
    rows,
    tinyRows(80).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const { rows: _, ...run } = {
    rows,
    ...tinyRun(join(folder, "run"), {
      trackers: ["console", "jsonl"],
      data: { train: [{ path: rows, format: "alpaca" }], template: "plain" },
      training: { epochs: 200, batch_size: 4, logging_steps: 1 },
    }),
    ...more,
  };
  const path = join(folder, "run.json");
  Deno.writeTextFileSync(path, JSON.stringify(run));
  return path;
}

function writePlugin(folder: string, create: string): string {
  const path = join(folder, "plugin.ts");
  Deno.writeTextFileSync(
    path,
    `import { definePart, definePlugin } from "${CORE}";
const options = { "~standard": { version: 1, vendor: "test",
  validate: (value) => ({ value: value ?? {} }) } };
export default definePlugin({ name: "odd", api: 1, parts: [definePart({ kind: "schedule", name: "odd",
  description: "Odd", options, jsonSchema: { type: "object" }, create: ${create} })] });`,
  );
  return path;
}

for (
  const [title, create, message] of [
    [
      "a promise that never settles",
      "() => new Promise(() => {})",
      /waiting for the schedule "odd" of plugin "odd"[^]*never comes/,
    ],
    [
      "a plugin that calls Deno.exit(0)",
      "() => Deno.exit(0)",
      /ended the process before the command was done/,
    ],
  ] as const
) {
  Deno.test(`${title} ends with exit code 1 and says so`, async () => {
    using folder = emptyFolder();
    const plugin = writePlugin(folder.path, create);
    writeRun(folder.path, { plugins: [plugin], schedule: "odd" });
    const { code, out, err } = await start(
      folder.path,
      projectFile("mod.ts"),
      "train",
      "run.json",
    ).end();
    assert.equal(code, 1, out + err);
    assert.match(out + err, message);
  });
}

Deno.test("a closed terminal (SIGHUP) saves like Ctrl-C", async () => {
  using folder = emptyFolder();
  writeRun(folder.path);
  const running = start(
    folder.path,
    projectFile("mod.ts"),
    "train",
    "run.json",
  );
  await running.until("step 3/");
  running.process.kill("SIGHUP");
  const { code } = await running.end();
  assert.equal(code, 130);
  assert.equal(listCheckpoints(join(folder.path, "run")).length, 1);
});

Deno.test("a closed standard output does not end a run", async () => {
  using folder = emptyFolder();
  writeRun(folder.path, {});
  const mod = projectFile("mod.ts");
  const shell = new Deno.Command("sh", {
    args: [
      "-c",
      `"$0" run -A --no-check "$1" train run.json training.epochs=2 | head -n 1; exit 0`,
      Deno.execPath(),
      mod,
    ],
    cwd: folder.path,
    env: { NO_COLOR: "1", DENOTUNE_CACHE: `${folder.path}/cache` },
    stdout: "null",
    stderr: "null",
  });
  await shell.output();
  assert.ok(existsSync(join(folder.path, "run", "summary.json")));
});

Deno.test("of two runs in one folder the second is refused, and the first is whole", async () => {
  using folder = emptyFolder();
  writeRun(folder.path);
  const mod = projectFile("mod.ts");
  const first = start(folder.path, mod, "train", "run.json");
  await first.until("step 1/");
  const second = await start(
    folder.path,
    mod,
    "train",
    "run.json",
    "training.resume=never",
  ).end();
  assert.equal(second.code, 2);
  assert.match(second.err, /in use by process \d+ on /);
  first.process.kill("SIGINT");
  const { code, err } = await first.end();
  assert.equal(code, 130, err);
  const steps = Deno.readTextFileSync(join(folder.path, "run", "metrics.jsonl"))
    .trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ event }) => event === "step").map(({ step }) => step);
  assert.deepEqual(steps, steps.map((_: number, i: number) => i + 1));
});
