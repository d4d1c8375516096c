import assert from "node:assert/strict";
import {
  BFLOAT16,
  CHUNK,
  FLOAT32,
} from "../../../../plugins/collectives/mpi/ordered_sum.ts";
import { rehearse } from "../../../../plugins/collectives/mpi/rehearse.ts";

Deno.test("a rank among n sends (n - 1) / n of its numbers twice for a sum, half of it in bfloat16", async () => {
  const shardsOptimizer = false;
  for (const world of [1, 2, 8, 1000]) {
    const { collective, calls } = rehearse(world, {
      gradients: BFLOAT16,
      shardsOptimizer,
    });
    assert.deepEqual([collective.rank, collective.world], [0, world]);
    const values = new Float32Array(1000 * 7);
    await collective.sum(values);
    await collective.sum(values, { gradients: true });
    assert.deepEqual(
      calls.map(({ bytes, messages }) => [bytes, messages]),
      [4, 2].map((
        size,
      ) => [2 * (world - 1) * 7000 / world * size, 2 * world - 2]),
    );
  }
});

Deno.test("large sums are sent in pieces, and a gather sends what each rank has", async () => {
  const { collective, calls } = rehearse(4, {
    gradients: FLOAT32,
    shardsOptimizer: true,
  });
  assert.equal(collective.shardsOptimizer, true);
  await collective.sum(new Float32Array(CHUNK + 4));
  assert.deepEqual(calls.map(({ bytes }) => bytes), [6 * CHUNK, 24]);
  const all = await collective.allGather(Float32Array.of(1, 2));
  assert.deepEqual([...all], [1, 2, 1, 2, 1, 2, 1, 2]);
  assert.equal(calls[2].bytes, 3 * 2 * 4);
});
