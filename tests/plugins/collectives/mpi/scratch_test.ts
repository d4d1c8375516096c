import assert from "node:assert/strict";
import { Scratch } from "../../../../plugins/collectives/mpi/scratch.ts";

Deno.test("memory that was given back is lent again, and never twice at a time", () => {
  const scratch = new Scratch(1 << 20);
  const first = scratch.take(100_000);
  const second = scratch.take(200_000);
  assert.deepEqual([first.length, second.length], [100_000, 200_000]);
  assert.notEqual(first.buffer, second.buffer);
  scratch.give(first);
  // as large as `least`, so that it serves a larger request
  const third = scratch.take(1 << 20);
  assert.equal(third.buffer, first.buffer);
  assert.equal(third.length, 1 << 20);
  scratch.give(second);
  const large = scratch.take((1 << 20) + 1);
  assert.notEqual(large.buffer, second.buffer);
  assert.equal(scratch.take(70_000).buffer, second.buffer);
});

Deno.test("small arrays are new ones", () => {
  const scratch = new Scratch(1 << 20);
  const small = scratch.take(8);
  assert.equal(small.buffer.byteLength, 8);
  scratch.give(small);
  assert.notEqual(scratch.take(8).buffer, small.buffer);
});
