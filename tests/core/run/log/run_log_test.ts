import assert from "node:assert/strict";
import { RunLog } from "../../../../core/run/log/run_log.ts";
import { runConfig, testFolder, tinyRun } from "../../../run_harness.ts";

Deno.test("the log of a real run holds the figures of every logged step, and the other events in order", async () => {
  using folder = testFolder();
  const path = folder.at("run");
  const { of, events } = await runConfig({
    ...tinyRun(path),
    trackers: ["jsonl"],
  });
  const log = new RunLog(path);
  assert.equal(await log.refresh(), true);
  assert.equal(log.unreadable, 0);
  const steps = of("step");
  assert.equal(log.steps.length, steps.length);
  steps.forEach((event, i) => {
    assert.equal(log.steps.at(i), event.step);
    assert.equal(log.column("loss")?.at(i), event.loss);
    assert.equal(log.column("learning_rate")?.at(i), event.learning_rate);
  });
  assert.deepEqual(
    log.entries().map(({ event }) => event),
    events.map(({ event }) => event).filter((event) =>
      event !== "step" && event !== "progress"
    ),
  );
});

/** The log of some lines. */
async function logOf(lines: readonly string[]): Promise<RunLog> {
  const path = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${path}/metrics.jsonl`, lines.join("\n") + "\n");
    const log = new RunLog(path);
    await log.refresh();
    return log;
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

Deno.test("hostile lines are counted and change nothing; figures that are none are NaN", async () => {
  const log = await logOf([
    "{",
    "[]",
    "null",
    '{"event":"step"}',
    '{"event":"step","step":1,"loss":"<b>"}',
    '{"event":"step","step":2,"loss":1e300}',
    '{"event":"step","step":2,"loss":5}',
    '{"event":"step","step":-4,"loss":5}',
    '{"event":"step","step":1.5,"loss":5}',
    '{"event":"step","step":3,"loss":null,"source_losses":{"a":1}}',
    '{"event":"step","step":4,"loss":2,"source_losses":{"__proto__":3,"a":4}}',
  ]);
  assert.equal(log.unreadable, 7);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => log.steps.at(i)),
    [1, 2, 3, 4],
  );
  const loss = log.column("loss");
  assert.deepEqual([0, 1, 2, 3].map((i) => loss?.at(i)), [NaN, NaN, NaN, 2]);
  const a = log.column("source_losses.a");
  assert.deepEqual([0, 1, 2, 3].map((i) => a?.at(i)), [NaN, NaN, 1, 4]);
});

Deno.test("long texts are cut, and of each kind the last 2,000 events are kept", async () => {
  const log = await logOf([
    JSON.stringify({ event: "start", step: 0, model: "x".repeat(1e6) }),
    ...Array.from(
      { length: 2500 },
      (_, i) => JSON.stringify({ event: "notice", step: i, message: `${i}` }),
    ),
    JSON.stringify({ event: "eval", step: 9, eval_loss: 2 }),
    JSON.stringify({ event: "eval", step: 10, eval_loss: 1 }),
    JSON.stringify({ event: "eval", step: 11, eval_loss: 3 }),
  ]);
  const [start] = log.entries({ event: "start" });
  const model = start.fields.model;
  assert.ok(typeof model === "string" && model.length < 21_000);
  assert.match(model, /980000 more characters\)$/);
  const notices = log.entries({ event: "notice" });
  assert.equal(notices.length, 2000);
  assert.equal(notices[0].fields.message, "500");
  assert.equal(log.entryCount, 2504);
  assert.deepEqual(log.bestEvaluation, { loss: 1, step: 10 });
});
