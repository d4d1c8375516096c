import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { CallQueue } from "../../core/call_queue.ts";

Deno.test("calls run one at a time, in the order they were made, and one that fails stops no other", async () => {
  const calls = new CallQueue();
  const seen: string[] = [];
  const call = (name: string, { fails = false } = {}) =>
    calls.run(async () => {
      seen.push(`${name} starts`);
      await setTimeout(1);
      seen.push(`${name} ends`);
      if (fails) throw new RangeError(name);
      return name;
    });
  const results = await Promise.allSettled([
    call("a"),
    call("b", { fails: true }),
    call("c"),
  ]);
  assert.deepEqual(
    seen,
    ["a", "b", "c"].flatMap((name) => [`${name} starts`, `${name} ends`]),
  );
  assert.deepEqual(results, [
    { status: "fulfilled", value: "a" },
    { status: "rejected", reason: new RangeError("b") },
    { status: "fulfilled", value: "c" },
  ]);
});
