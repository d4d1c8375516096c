import assert from "node:assert/strict";
import type { Tracker, TrackerEvent } from "@denotune/denotune/core";
import { jsonl } from "../../../plugins/trackers/jsonl.ts";
import { testHost } from "../../conformance/host.ts";
import { exampleEvents, testTracker } from "../../conformance/tracker.ts";

const host = testHost();
const make = async (): Promise<Tracker> =>
  await jsonl.create({ file: "metrics.jsonl" }, host);

testTracker("jsonl", make);

/** Runs a body in a folder of its own. */
async function inFolder(
  body: (folder: string, file: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder, `${folder}/metrics.jsonl`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function track(
  outputDir: string,
  events: readonly TrackerEvent[],
  resumedAt = 0,
): Promise<void> {
  const tracker = await make();
  await tracker.start({ outputDir, totalSteps: 10, resumedAt, settings: {} });
  for (const event of events) tracker.event(event);
  await tracker.close();
}

function lines(file: string): Record<string, unknown>[] {
  return Deno.readTextFileSync(file).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
}

const step = (n: number): TrackerEvent => ({
  event: "step",
  step: n,
  epoch: n / 10,
  time: n,
  loss: 1 / n,
  token_accuracy: 0.5,
  learning_rate: 1e-4,
  grad_norm: 1,
  trained_tokens: 10,
  total_trained_tokens: n * 10,
  tokens_per_second: 100,
  trained_tokens_per_second: 50,
  padded_share: 0,
  seconds_left: 10 - n,
  skipped_updates: 0,
});
const save = (n: number): TrackerEvent => ({
  event: "save",
  step: n,
  epoch: n / 10,
  time: n,
  kind: "checkpoint",
  path: `checkpoint-${n}`,
  removed: [],
});
const short = (file: string) =>
  lines(file).map((line) => `${line.event} ${line.step}`);

Deno.test("jsonl writes each event as one line, progress left out", () =>
  inFolder(async (folder, file) => {
    const events = exampleEvents();
    await track(folder, events);
    assert.deepEqual(
      lines(file),
      events.filter((e) => e.event !== "progress").map((e) =>
        // a table has a file of its own
        e.event === "result" ? { ...e, records: e.records.length } : e
      ),
    );
  }));

Deno.test("jsonl writes null for numbers that are not finite", () =>
  inFolder(async (folder, file) => {
    await track(folder, [
      { ...step(1), loss: NaN, grad_norm: Infinity } as TrackerEvent,
    ]);
    const [line] = lines(file);
    assert.equal(line.loss, null);
    assert.equal(line.grad_norm, null);
  }));

Deno.test("jsonl can be read while the run goes on", () =>
  inFolder(async (folder, file) => {
    const tracker = await make();
    await tracker.start({
      outputDir: folder,
      totalSteps: 10,
      resumedAt: 0,
      settings: {},
    });
    tracker.event(step(1));
    assert.deepEqual(short(file), ["step 1"]);
    tracker.event(step(2));
    assert.deepEqual(short(file), ["step 1", "step 2"]);
    await tracker.close();
  }));

Deno.test("a new run starts a new file", () =>
  inFolder(async (folder, file) => {
    await track(folder, [step(1), step(2)]);
    await track(folder, [step(1)]);
    assert.deepEqual(short(file), ["step 1"]);
  }));

Deno.test("on resume the file is cut behind the checkpoint, so that each step stands once", () =>
  inFolder(async (folder, file) => {
    const notice: TrackerEvent = {
      event: "notice",
      step: 2,
      epoch: 0.2,
      time: 2,
      level: "info",
      message: "said after the checkpoint",
    };
    await track(folder, [
      step(1),
      step(2),
      save(2),
      notice,
      step(3),
      step(4),
      save(4),
      step(5),
    ]);
    await track(folder, [step(3)], 2);
    assert.deepEqual(short(file), ["step 1", "step 2", "save 2", "step 3"]);
  }));

Deno.test("a checkpoint whose save was never told keeps the events of its step", () =>
  inFolder(async (folder, file) => {
    await track(folder, [step(1), step(2), step(3)]);
    await track(folder, [step(3)], 2);
    assert.deepEqual(short(file), ["step 1", "step 2", "step 3"]);
  }));

Deno.test("half a line at the end, and anything behind it, goes on resume", () =>
  inFolder(async (folder, file) => {
    await track(folder, [step(1), step(2), save(2)]);
    const whole = Deno.readTextFileSync(file);
    for (const rest of ['{"event":"step","st', '{"event":"step"\n', "\0\0\n"]) {
      Deno.writeTextFileSync(file, whole + rest);
      await track(folder, [step(3)], 2);
      assert.deepEqual(short(file), ["step 1", "step 2", "save 2", "step 3"]);
    }
    // a half line in front of the checkpoint's own: cut there
    Deno.writeTextFileSync(file, `${whole.slice(0, -20)}`);
    await track(folder, [step(3)], 2);
    assert.deepEqual(short(file), ["step 1", "step 2", "step 3"]);
  }));

Deno.test("a process that is killed leaves at most a half last line", () =>
  inFolder(async (folder, file) => {
    const module = new URL(
      "../../../plugins/trackers/jsonl.ts",
      import.meta.url,
    );
    const code = `
      import { jsonl } from "${module}";
      const tracker = await jsonl.create({ file: "metrics.jsonl" }, {});
      await tracker.start({ outputDir: ${
      JSON.stringify(folder)
    }, totalSteps: 1, resumedAt: 0, settings: {} });
      for (let step = 1;; step++) {
        tracker.event({ event: "notice", step, epoch: 0, time: 0, level: "info", message: "x".repeat(50) });
        if (step === 100) console.log("ready");
      }`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--ext=ts", "-"],
      cwd: new URL("../../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(code));
    await writer.close();
    const reader = child.stdout.getReader();
    await reader.read(); // "ready"
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const text = Deno.readTextFileSync(file);
    const whole = text.slice(0, text.lastIndexOf("\n")).split("\n");
    assert.ok(whole.length >= 100);
    whole.forEach((line, i) => assert.equal(JSON.parse(line).step, i + 1));
    await track(folder, [step(51)], 50);
    assert.equal(lines(file).length, 51);
  }));

Deno.test("a folder that cannot be written is a DeviceError that names the file", async () => {
  await assert.rejects(
    track("/nonexistent/folder", []),
    (error) =>
      error instanceof Error && error.name === "DeviceError" &&
      error.message.includes("/nonexistent/folder/metrics.jsonl"),
  );
});
