import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { TokenStore } from "../../../../core/data/prepared/token_store.ts";
import { heldBytes } from "../../../held_bytes.ts";

for (
  const [name, memoryBytes] of [["memory", 2 ** 30], [
    "a file",
    2 ** 20,
  ]] as const
) {
  Deno.test(`tokens kept in ${name} come back as they were, in any order`, async () => {
    const cacheDir = await Deno.makeTempDir();
    {
      using store = new TokenStore({
        memoryBytes,
        cacheDir: `${cacheDir}/tokens`,
      });
      const random = randomFrom(5);
      const lengths = [
        1,
        300_000,
        ...Array.from({ length: 3000 }, () => random.below(700)),
      ];
      const idsOf = (i: number) =>
        Int32Array.from(
          { length: lengths[i] },
          (_, t) => (i * 31 + t * 7) % 50_000,
        );
      const weightsOf = (i: number) =>
        Float32Array.from(
          { length: lengths[i] },
          (_, t) => t % 97 < i % 50 ? 0 : 1 / (1 + i % 3),
        );
      for (const i of lengths.keys()) {
        store.push({ ids: idsOf(i), weights: weightsOf(i) });
      }
      assert.equal(store.spilled, name === "a file");
      assert.equal(store.length, lengths.length);
      for (
        const i of [
          0,
          1,
          lengths.length - 1,
          ...Array.from({ length: 300 }, () => random.below(lengths.length)),
        ]
      ) {
        assert.equal(store.lengthOf(i), lengths[i]);
        const { ids, weights } = store.at(i);
        assert.deepEqual(ids, idsOf(i));
        assert.deepEqual(weights, weightsOf(i));
      }
    }
    await Deno.remove(cacheDir, { recursive: true });
  });
}

Deno.test("tokens above the store's budget are not held in memory", async () => {
  const cacheDir = await Deno.makeTempDir();
  const held = (memoryBytes: number): number => {
    using store = new TokenStore({
      memoryBytes,
      cacheDir: `${cacheDir}/tokens`,
    });
    const before = heldBytes();
    let most = 0;
    for (let i = 0; i < 80; i++) {
      for (let k = 0; k < 50; k++) { // 80 times 50 rows of 2 KiB: 8 MB
        store.push({
          ids: new Int32Array(512).fill(k),
          weights: new Float32Array(512).fill(1),
        });
      }
      if (i % 20 !== 19) continue;
      const { heap, arrays } = heldBytes();
      most = Math.max(most, heap + arrays - before.heap - before.arrays);
    }
    assert.equal(store.length, 4000);
    return most;
  };
  const inMemory = held(2 ** 30);
  const inFile = held(2 ** 20);
  assert.ok(inMemory > 8e6, `${inMemory} bytes, of ${4000 * 512} tokens`);
  assert.ok(inFile < 4e6, `${inFile} bytes, with 1 MiB allowed`);
  await Deno.remove(cacheDir, { recursive: true });
});
