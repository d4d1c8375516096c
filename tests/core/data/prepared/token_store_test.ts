import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { TokenStore } from "../../../../core/data/prepared/token_store.ts";

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
