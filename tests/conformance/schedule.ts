/**
 * What every schedule must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { Schedule } from "@denotune/denotune/core";

/** Registers the tests of a schedule. */
export function testSchedule(
  name: string,
  make: () => Schedule | Promise<Schedule>,
): void {
  for (const totalSteps of [1, 2, 7, 100, 1_000_000]) {
    Deno.test(`${name}: every factor of ${totalSteps} steps is finite, not negative, and the same when asked again`, async () => {
      const schedule = await make();
      const stride = Math.max(1, Math.floor(totalSteps / 1000));
      for (let step = 0; step <= totalSteps; step += stride) {
        const factor = schedule.factor(step, { totalSteps });
        assert.ok(Number.isFinite(factor) && factor >= 0, `step ${step}`);
        assert.equal(schedule.factor(step, { totalSteps }), factor);
      }
    });
  }

  Deno.test(`${name}: a run of 100 steps learns something`, async () => {
    const schedule = await make();
    const factors = Array.from(
      { length: 100 },
      (_, step) => schedule.factor(step, { totalSteps: 100 }),
    );
    assert.ok(Math.max(...factors) > 0);
  });
}
