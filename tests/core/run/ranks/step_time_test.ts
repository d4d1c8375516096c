import assert from "node:assert/strict";
import { estimateStep } from "../../../../core/run/ranks/step_time.ts";

const PAYLOAD = 1448 / 1538;
const NETWORK = { bitsPerSecond: 8e6 / PAYLOAD, latencySeconds: 0.001 };

/** A step of 1 s that has two calls of 1 MB: at 0.5 s and at 0.6 s. */
const MEASURED = {
  data: 0.25,
  micro: 0.5,
  update: 0.125,
  step: 1,
  from: 1000,
  calls: [
    { at: 1500, busy: 0.05, bytes: 1e6, messages: 10 },
    { at: 1600, busy: 0.125, bytes: 1e6, messages: 0 },
  ],
};

function near(found: number, wanted: number): void {
  assert.ok(Math.abs(found - wanted) < 1e-9, `${found}, not ${wanted}`);
}

Deno.test("a step takes its data, its micro-batches, and what is sent one call after another", () => {
  const found = estimateStep(MEASURED, {
    world: 2,
    micros: 4,
    network: NETWORK,
  });
  // at 0.5: 0.05 + 1.0035 + 0.01; then 0.125 + 1.0035: done at 2.692, not at 0.725 as in the rehearsal
  near(found.seconds, 0.25 + 0.5 + 1 + (2.692 - 0.725));
  near(found.alone, 0.25 + 4 * 0.5 + 0.125);
  near(found.efficiency, found.alone / (2 * found.seconds));
  assert.equal(found.bytes, 2e6);
  assert.deepEqual(found.parts.map(({ name }) => name), [
    "sending",
    "micro-batches",
    "update and adding up",
    "reading the data",
    "latency",
  ]);
});

Deno.test("what is sent while a rank computes takes of its processor alone", () => {
  const between = { ...MEASURED.calls[1], at: 5000 };
  const found = estimateStep({
    ...MEASURED,
    step: 6,
    calls: [MEASURED.calls[0], between],
  }, { world: 2, micros: 2, network: NETWORK });
  // the second call is 0.0035 later, because the first took the processor so long
  near(found.seconds, 0.25 + 6 + 1.0035 + 0.0035);
  const free = estimateStep({ ...MEASURED, calls: [] }, {
    world: 2,
    micros: 2,
    network: NETWORK,
  });
  near(free.seconds, 1.25);
});
