import assert from "node:assert/strict";
import type { Tracker, TrackerEvent } from "../../../core/contracts/tracker.ts";
import { choose, definePart, type Schedule } from "../../../core/mod.ts";
import { Events } from "../../../core/run/events.ts";
import { z } from "zod";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";

/** A tracker that writes down what it is told. */
function listening(): { tracker: Tracker; told: string[] } {
  const told: string[] = [];
  return {
    told,
    tracker: {
      start: () => void told.push("start"),
      event: (event: TrackerEvent) =>
        void told.push(
          event.event === "notice" ? event.message : event.event,
        ),
      close: () => void told.push("close"),
    },
  };
}

Deno.test("a tracker whose event rejects later is named once, and the others hear on", async () => {
  const { tracker, told } = listening();
  const events = new Events([
    {
      tracker: {
        ...listening().tracker,
        event: async () => {
          await null;
          throw new TypeError("no network");
        },
      },
      described: 'tracker "far" of plugin "acme" (./a.ts)',
    },
    { tracker, described: 'tracker "near" of plugin "denotune" (built-in)' },
  ], () => 0);
  await events.start(context);
  events.notice("one");
  events.notice("two");
  await new Promise((done) => setTimeout(done));
  events.notice("three");
  await events.close();
  assert.deepEqual(told, [
    "start",
    "one",
    "two",
    '`event` of the tracker "far" of plugin "acme" (./a.ts) threw: no network. It gets no more events; the run continues',
    "three",
    "close",
  ]);
});

const context = { outputDir: "/", totalSteps: 1, resumedAt: 0, settings: {} };

for (const method of ["start", "event", "close"] as const) {
  Deno.test(`a tracker whose ${method} throws is named once, and the others hear on`, async () => {
    let calls = 0;
    const failing: Tracker = {
      ...listening().tracker,
      [method]: () => {
        calls++;
        throw new TypeError("no network");
      },
    };
    const { tracker, told } = listening();
    const events = new Events([
      {
        tracker: failing,
        described: 'tracker "far" of plugin "acme" (./a.ts)',
      },
      { tracker, described: 'tracker "near" of plugin "denotune" (built-in)' },
    ], () => 0);
    await events.start(context);
    events.notice("one");
    events.notice("two");
    await events.close();
    assert.equal(calls, 1);
    const warning =
      `\`${method}\` of the tracker "far" of plugin "acme" (./a.ts) threw: no network. It gets no more events; the run continues`;
    assert.deepEqual(told.filter((t) => t === warning), [warning]);
    assert.deepEqual(told.filter((t) => t !== warning), [
      "start",
      "one",
      "two",
      "close",
    ]);
  });
}

Deno.test("what a function of the program throws is the program's to catch", async () => {
  const { tracker } = listening();
  const events = new Events([{
    tracker: {
      ...tracker,
      event: () => {
        throw new TypeError("mine");
      },
    },
    described: null,
  }], () => 0);
  await events.start(context);
  assert.throws(() => events.notice("one"), /mine/);
});

Deno.test("a run trains on without a tracker that fails, and stops before training for a schedule that gives NaN", async () => {
  using folder = testFolder();
  const failing = definePart({
    kind: "tracker",
    name: "far",
    description: "For a test",
    options: z.strictObject({}),
    create: (): Tracker => ({
      ...listening().tracker,
      event: ({ event }) => {
        if (event === "step") throw new Error("no network");
      },
    }),
  });
  const { of, losses } = await runConfig(tinyRun(folder.at("a"), {
    trackers: [choose(failing, {})],
    training: { max_steps: 3 },
  }));
  assert.equal(losses.length, 3);
  const warnings = of("notice").filter(({ message }) =>
    /tracker "far"/.test(message)
  );
  assert.equal(warnings.length, 1);

  const late = definePart({
    kind: "schedule",
    name: "late",
    description: "For a test",
    options: z.strictObject({}),
    create: (): Schedule => ({ factor: (step) => step < 12 ? 1 : NaN }),
  });
  await assert.rejects(
    runConfig(tinyRun(folder.at("b"), { schedule: choose(late, {}) })),
    /The schedule "late" of plugin .* gave NaN as the factor of step 12 of 16/,
  );
  assert.throws(() => Deno.statSync(folder.at("b")), Deno.errors.NotFound);
});

Deno.test("a tracker that people watch is closed last, and shows what another could not finish", async () => {
  const shown: string[] = [];
  const watched: Tracker = {
    watched: true,
    start: () => {},
    event: (event) =>
      void (event.event === "notice" && shown.push(event.message)),
    close: () => void shown.push("closed"),
  };
  const late: Tracker = {
    start: () => {},
    event: () => {},
    close: () => Promise.reject(new Error("5 figures were not sent")),
  };
  const events = new Events(
    [watched, late].map((tracker, i) => ({
      tracker,
      described: `tracker ${i}`,
    })),
    () => 0,
  );
  await events.start(context);
  await events.close();
  assert.equal(shown.length, 2);
  assert.match(shown[0], /tracker 1 threw: 5 figures were not sent/);
});
