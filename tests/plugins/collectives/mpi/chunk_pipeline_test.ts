import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { ChunkPipeline } from "../../../../plugins/collectives/mpi/chunk_pipeline.ts";

Deno.test("chunks are scattered and gathered in their order however long each takes, so many at once", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = randomFrom(seed, 19);
    const pause = async () => {
      for (let n = random.below(6); n > 0; n--) await Promise.resolve();
    };
    const scattered: number[] = [];
    const gathered: number[] = [];
    let running = 0;
    let most = 0;
    const pipeline = new ChunkPipeline(3);
    const chunks = Array.from({ length: 12 }, (_, i) => i);
    await Promise.all(chunks.map((i) =>
      pipeline.run(async (turns) => {
        most = Math.max(most, ++running);
        scattered.push(i);
        turns.scattered();
        await pause();
        await turns.mayGather;
        gathered.push(i);
        turns.gathered();
        await pause();
        running--;
      })
    ));
    assert.deepEqual([scattered, gathered], [chunks, chunks]);
    assert.equal(most, 3);
  }
});

Deno.test("a chunk that fails ends the order: those behind it never run", async () => {
  const pipeline = new ChunkPipeline(2);
  const failed = pipeline.run(() => Promise.reject(new Error("cut")));
  let ran = false;
  void pipeline.run(() => Promise.resolve(void (ran = true)));
  await assert.rejects(failed, /cut/);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(ran, false);
});
