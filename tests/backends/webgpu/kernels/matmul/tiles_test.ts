/**
 * Every kind of tile on odd sizes against the plain product, whatever this adapter would choose. Both are
 * float32 sums of some hundred terms in different orders: 4e-6 of the terms' magnitudes.
 */
import assert from "node:assert/strict";
import {
  type DType,
  input,
  type Plan,
  type ProductEpilogue,
  randomFrom,
} from "@denotune/denotune/core";
import { localDevice } from "../../../../../core/device/local_device.ts";
import { isPossible } from "../../../../../backends/webgpu/kernels/matmul/choice.ts";
import {
  type ProductShape,
  showTile,
  type Tile,
} from "../../../../../backends/webgpu/kernels/matmul/tiles.ts";
import { candidatesFor } from "../../../../../backends/webgpu/tune/candidates.ts";
import { missing, openExecutor, title } from "../../_device.ts";

const SIZES = [
  { batch: 1, m: 37, n: 45, k: 50 },
  { batch: 2, m: 64, n: 72, k: 128 },
  { batch: 1, m: 130, n: 96, k: 301 },
  { batch: 3, m: 5, n: 260, k: 36 },
];

const TILES: readonly Tile[] = [
  { kind: "shared", bm: 32, bn: 32, bk: 8, tm: 4, tn: 4, split: 1 },
  { kind: "shared", bm: 64, bn: 32, bk: 16, tm: 8, tn: 4, split: 3 },
  { kind: "shared", bm: 64, bn: 128, bk: 16, tm: 8, tn: 4, split: 1 },
  { kind: "shared", bm: 128, bn: 128, bk: 8, tm: 8, tn: 8, split: 2 },
  { kind: "direct", rows: 1, columns: 1, lanes: 32, split: 1 },
  { kind: "direct", rows: 4, columns: 3, lanes: 16, split: 2 },
  { kind: "direct", rows: 5, columns: 2, lanes: 8, split: 1 },
  { kind: "dot", rows: 1, columns: 4, lanes: 8 },
  { kind: "dot", rows: 3, columns: 2, lanes: 64 },
  { kind: "dot", rows: 8, columns: 1, lanes: 256 },
  { kind: "broadcast", rows: 4, columns: 4, split: 1 },
  { kind: "broadcast", rows: 12, columns: 8, split: 3 },
  { kind: "broadcast", rows: 32, columns: 4, split: 1 },
];

const HALF_THE_ADDEND_MORE: ProductEpilogue = {
  inputs: ["matrix"],
  writes: [input(0).add(input(1).mul(0.5)).node],
};

function planOf(
  { layout, batch, m, n, k }: ProductShape,
  dtype: DType,
  { extents, applied }: { extents: boolean; applied: boolean },
): Plan {
  const K = extents ? { coefficient: 1, names: ["K"] } : k;
  return {
    name: "tiles",
    capacities: { K: k },
    segments: [{
      calls: [{
        kernel: "matmul",
        attributes: {
          layout,
          batch,
          m,
          n,
          k: K,
          alpha: -0.5,
          bias: true,
          addend: true,
          ...(applied ? { epilogue: HALF_THE_ADDEND_MORE } : {}),
        },
        inputs: [
          { buffer: 1, offset: 0, shape: [batch, m, K], dtype: "f32" },
          { buffer: 2, offset: 0, shape: [batch, K, n], dtype },
          { buffer: 3, offset: 0, shape: [n], dtype: "f32" },
          { buffer: 4, offset: 0, shape: [batch, m, n], dtype: "f32" },
          ...(applied
            ? [{
              buffer: 4,
              offset: 0,
              shape: [batch, m, n],
              dtype: "f32" as const,
            }]
            : []),
        ],
        outputs: [{
          buffer: 5,
          offset: 0,
          shape: [batch, m, n],
          dtype: "f32",
        }],
        label: "product",
      }],
    }],
  };
}

for (const layout of ["NN", "NT", "TN"] as const) {
  Deno.test({
    name: title(`webgpu computes ${layout} products with every kind of tile`),
    ignore: missing !== null,
    async fn(t) {
      let forced: Tile = { kind: "naive" };
      const executor = await openExecutor({}, {
        tiles: { find: () => forced },
      });
      await using device = localDevice(executor);
      const { limits } = executor.gpu;
      for (const [s, size] of SIZES.entries()) {
        const shape: ProductShape = { layout, dtype: "f32", ...size };
        const { batch, m, n, k } = size;
        const random = randomFrom(m, n, k);
        const fill = (count: number) =>
          Float32Array.from({ length: count }, () => random.normal());
        const ids = [
          fill(batch * m * k),
          fill(batch * k * n),
          fill(n),
          fill(batch * m * n),
          new Float32Array(batch * m * n),
        ].map((data, i) => {
          const id = device.allocate(data.byteLength, `operand ${i}`);
          device.write(id, data);
          return id;
        });
        const place = (plan: Plan): Plan =>
          JSON.parse(
            JSON.stringify(plan),
            (key, value) => key === "buffer" ? ids[value - 1] : value,
          );
        {
          const named = s % 2 === 1; // the inner size: fixed, or the data's
          const plan = place(
            planOf(shape, "f32", { extents: named, applied: s > 1 }),
          );
          const run = async (tile: Tile, K: number) => {
            forced = tile;
            device.write(ids[4], new Float32Array(batch * m * n).fill(NaN));
            device.run(await device.compile(plan), { K });
            return new Float32Array(
              await device.read(ids[4], 0, batch * m * n * 4),
            );
          };
          for (const K of named ? [k - 3, 0] : [k]) {
            const expected = await run({ kind: "naive" }, K);
            for (const tile of TILES) {
              if (!isPossible(shape, tile, limits)) continue;
              await t.step(
                `${showTile(tile)}, ${m} x ${n} x ${
                  named ? `${K} of ` : ""
                }${k}`,
                async () => {
                  const found = await run(tile, K);
                  for (let i = 0; i < found.length; i++) {
                    const off = Math.abs(found[i] - expected[i]);
                    assert.ok(
                      off <= 4e-6 * (K + 4),
                      `[${i}]: ${found[i]}, ${expected[i]}`,
                    );
                  }
                },
              );
            }
          }
        }
        ids.forEach((id) => device.free(id));
      }
    },
  });
}

Deno.test({
  name: title("every candidate of the tuner can be generated"),
  ignore: missing !== null,
  async fn() {
    const executor = await openExecutor();
    try {
      for (const software of [true, false]) {
        const limits = { ...executor.gpu.limits, software };
        for (const layout of ["NN", "NT", "TN"] as const) {
          for (const m of [1, 8, 512, 4096]) {
            const shape = { layout, dtype: "f32", batch: 1, m, n: 768, k: 768 };
            const found = candidatesFor(shape as ProductShape, limits);
            assert.ok(found.length >= 3, `${layout} ${m}: ${found.length}`);
            const names = found.map(showTile);
            assert.equal(new Set(names).size, names.length);
          }
        }
      }
    } finally {
      executor.close();
    }
  },
});
