/** Vectors of keys that a query sees whole are computed without masks and without checks for NaN. */
import assert from "node:assert/strict";
import type { CpuSettings } from "../../../../../backends/cpu/mod.ts";
import { NATIVE_PRODUCTS } from "../../native_products.ts";
import { openCpu } from "../../open.ts";
import { type Results, runAttention } from "./_run.ts";

const T = 200;
const HEAD = 32;

/** Attention of one head with one number of the keys or queries replaced, and its gradient. */
async function attention(
  poison: { at: "q" | "k"; position: number; value: number },
  options: { blas: CpuSettings["blas"]; window: number | null },
): Promise<Results> {
  const { blas, window } = options;
  await using device = await openCpu({ workers: 1, blas });
  const sizes = { B: 1, T, heads: 1, kvHeads: 1, window };
  return await runAttention(device, sizes, {
    prepare: (q, k) => {
      // the first number of a query or key is 1 times the other's: the score has its sign
      for (let t = 0; t < T; t++) q[t * HEAD] = k[t * HEAD] = 1;
      (poison.at === "q" ? q : k)[poison.position * HEAD] = poison.value;
    },
  });
}

/** Positions all of whose numbers are not finite. */
function broken(values: Float32Array): number[] {
  return Array.from({ length: T }, (_, t) => t).filter((t) =>
    values.subarray(t * HEAD, (t + 1) * HEAD).every((x) => !Number.isFinite(x))
  );
}

const from = (first: number, to: number) =>
  Array.from({ length: to - first }, (_, i) => first + i);

for (const blas of ["off", ...NATIVE_PRODUCTS] as const) {
  Deno.test(`NaN and infinity reach all queries that see them, and no other, blas ${blas}`, async () => {
    for (
      const [value, position, window] of [
        [NaN, 130, null],
        [Infinity, 5, 21],
      ] as const
    ) {
      const poison = { at: "k", position, value } as const;
      const { out, dQ } = await attention(poison, { blas, window });
      const seen = from(position, Math.min(T, position + (window ?? T)));
      assert.deepEqual(broken(out), seen);
      assert.deepEqual(broken(dQ), seen);
    }
    const poison = { at: "q", position: 150, value: NaN } as const;
    const { out } = await attention(poison, { blas, window: null });
    assert.deepEqual(broken(out), [150]);
  });
}
