/**
 * Products of factors in f16 on an adapter with `shader-f16`, which stages them as such, and on one without, which
 * widens packed words: the same bits, near the reference.
 */
import assert from "node:assert/strict";
import { WebGpuExecutor } from "../../../../../backends/webgpu/mod.ts";
import type { SharedTile } from "../../../../../backends/webgpu/kernels/matmul/tiles.ts";
import { localDevice } from "../../../../../core/device/local_device.ts";
import { f32ToF16 } from "../../../../../core/io/half.ts";
import type { Device, Plan } from "@denotune/denotune/core";
import { missing, title } from "../../_device.ts";

const TILE: SharedTile = {
  kind: "shared",
  bm: 16,
  bn: 16,
  bk: 8,
  tm: 4,
  tn: 4,
  split: 1,
};

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** Whole tiles and vec4s, and sizes that are neither. */
const SIZES = [[32, 16, 24], [19, 21, 10]] as const;

async function product(
  device: Device,
  layout: "NN" | "NT" | "TN",
  [m, n, k]: readonly [number, number, number],
): Promise<Float32Array> {
  const [a, b, out] = [m * k * 2, k * n * 2, m * n * 4].map((bytes) =>
    device.allocate(Math.ceil(bytes / 4) * 4, "operand")
  );
  const numbers = (count: number, key: number) =>
    f32ToF16(
      Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + key)),
    );
  device.write(a, numbers(m * k, 1));
  device.write(b, numbers(k * n, 2));
  const plan: Plan = {
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        attributes: {
          layout,
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
          factors: "f16",
        },
        inputs: [
          {
            buffer: a,
            offset: 0,
            shape: layout === "TN" ? [1, k, m] : [1, m, k],
            dtype: "f16",
          },
          {
            buffer: b,
            offset: 0,
            shape: layout === "NT" ? [1, n, k] : [1, k, n],
            dtype: "f16",
          },
        ],
        outputs: [{ buffer: out, offset: 0, shape: [1, m, n], dtype: "f32" }],
        label: layout,
      }],
    }],
  };
  device.run(await device.compile(plan), {});
  return new Float32Array(await device.read(out, 0, m * n * 4));
}

Deno.test({
  name: title(
    "factors in f16 give the same bits with and without the feature shader-f16",
  ),
  ignore: missing !== null,
  async fn() {
    const open = async (halves: boolean) =>
      localDevice(
        await WebGpuExecutor.open({ tune: "off" }, {
          software: false,
          tiles: { find: () => TILE },
          ...(halves ? {} : { halves: false }),
        }),
      );
    await using native = await open(true);
    await using packed = await open(false);
    assert.deepEqual(native.info.precisions, ["bfloat16", "float16"]);
    assert.match(native.info.description, /shader-f16/);
    assert.match(packed.info.description, /no shader-f16/);
    const layouts = ALL ? ["NN", "NT", "TN"] as const : ["NT"] as const;
    for (const layout of layouts) {
      for (const size of SIZES) {
        const found = await product(native, layout, size);
        assert.deepEqual(found, await product(packed, layout, size));
        assert.ok(found.some((x) => Math.abs(x) > 0.1));
      }
    }
  },
});
