import assert from "node:assert/strict";
import {
  BFLOAT16,
  CHUNK,
  FLOAT32,
  type Wire,
} from "../../../../plugins/collectives/mpi/ordered_sum.ts";
import { rehearse } from "../../../../plugins/collectives/mpi/rehearse.ts";

Deno.test("a rank among n sends (n - 1) / n of its numbers twice for a sum, half of it in bfloat16; one of two swaps all", async () => {
  const [packs, shardsOptimizer] = [false, false];
  for (const world of [1, 2, 8, 1000]) {
    const { collective, calls } = rehearse(world, {
      gradients: BFLOAT16,
      packs,
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
      ) => [
        2 * (world - 1) * 7000 / world * size,
        world === 2 && size === 4 ? 1 : 2 * world - 2,
      ]),
    );
  }
});

Deno.test("large sums are sent in pieces, and a gather sends what each rank has", async () => {
  const { collective, calls } = rehearse(4, {
    gradients: FLOAT32,
    packs: false,
    shardsOptimizer: true,
  });
  assert.equal(collective.shardsOptimizer, true);
  await collective.sum(new Float32Array(CHUNK + 4));
  assert.deepEqual(calls.map(({ bytes }) => bytes), [6 * CHUNK, 24]);
  const all = await collective.allGather(Float32Array.of(1, 2));
  assert.deepEqual([...all], [1, 2, 1, 2, 1, 2, 1, 2]);
  assert.equal(calls[2].bytes, 3 * 2 * 4);
});

Deno.test("packed sums of float32 send what gradients take when packed, also where these are zero; bfloat16 is not packed", async () => {
  const shardsOptimizer = true;
  for (const world of [1, 2, 5]) {
    const bytesOf = async (packs: boolean, gradients: Wire) => {
      const of = { gradients, packs, shardsOptimizer };
      const { collective, calls } = rehearse(world, of);
      await collective.sum(new Float32Array(300_000), { gradients: true });
      await collective.sum(new Float32Array(100));
      await collective.allGather(new Float32Array(70_000));
      return calls.map(({ bytes }) => bytes);
    };
    const plain = await bytesOf(false, FLOAT32);
    const packed = await bytesOf(true, FLOAT32);
    for (const i of world === 1 ? [] : [0, 2]) {
      const share = packed[i] / plain[i];
      assert.ok(share > 0.82 && share < 0.85, `${share}`);
    }
    assert.equal(packed[1], plain[1]);
    const halves = await bytesOf(true, BFLOAT16);
    assert.deepEqual(halves.slice(0, 2), [plain[0] / 2, plain[1]]);
  }
});
