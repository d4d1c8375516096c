import assert from "node:assert/strict";
import { makeThrottle } from "../../../../core/run/loop/throttle.ts";

Deno.test("what a pace was told of enqueued work is thrown by its next check, before anything else is read", async () => {
  let waits = 0;
  const pace = makeThrottle(() => {
    waits++;
    return Promise.reject(new Error("told once"));
  }, () => 0);
  await pace.check(); // nothing was enqueued
  await pace.step();
  assert.equal(waits, 1);
  await assert.rejects(pace.check(), /told once/);
});
