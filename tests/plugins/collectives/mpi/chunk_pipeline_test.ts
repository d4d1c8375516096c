import assert from "node:assert/strict";
import { randomFrom } from "../../../../core/mod.ts";
import { ChunkPipeline } from "../../../../plugins/collectives/mpi/chunk_pipeline.ts";

Deno.test("chunks start in their order however long each takes, so many at once", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = randomFrom(seed, 19);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const pipeline = new ChunkPipeline(3);
    const chunks = Array.from({ length: 12 }, (_, i) => i);
    await Promise.all(chunks.map((i) =>
      pipeline.run(async () => {
        most = Math.max(most, ++running);
        started.push(i);
        for (let n = random.below(6); n > 0; n--) await Promise.resolve();
        running--;
      })
    ));
    assert.deepEqual(started.toSorted((a, b) => a - b), chunks);
    assert.equal(most, 3);
  }
});

Deno.test("a chunk that fails ends the order: those behind it never run", async () => {
  const pipeline = new ChunkPipeline(1);
  const failed = pipeline.run(() => Promise.reject(new Error("cut")));
  let ran = false;
  void pipeline.run(() => Promise.resolve(void (ran = true)));
  await assert.rejects(failed, /cut/);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(ran, false);
});
