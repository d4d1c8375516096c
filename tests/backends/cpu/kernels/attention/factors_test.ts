/** Attention by products of bf16 factors: near the reference, and the same bits whatever the number of workers. */
import assert from "node:assert/strict";
import type { Device } from "@denotune/denotune/core";
import { localDevice } from "../../../../../core/device/local_device.ts";
import { findBfloat16 } from "../../../../../backends/cpu/blas/bfloat16.ts";
import { ReferenceExecutor } from "../../../../../backends/reference/mod.ts";
import { cpuBackend } from "../../open.ts";
import { type Results, runAttention, type Sizes } from "./_run.ts";

const ignore = findBfloat16(null).found === null;

/**
 * Most that the root mean square of the difference may be beside that of the numbers. PyTorch 2.13's attention in
 * bf16 differs from its own in float64 by 0.0041, 0.0216, 0.0239 and 0.0121 (out, dQ, dK, dV) on the first case, where
 * many terms cancel.
 */
const LARGEST_DEVIATION = {
  out: 0.005,
  lse: 0.0001,
  dQ: 0.027,
  dK: 0.03,
  dV: 0.015,
};

const CASES: readonly (readonly [string, Sizes])[] = [
  ["causal, three heads to a key head", { B: 1, T: 290, heads: 3, kvHeads: 1 }],
  ["both ways in a window, capped", {
    B: 2,
    T: 150,
    heads: 2,
    kvHeads: 2,
    headDim: 36,
    causal: false,
    window: 70,
    softcap: 5,
  }],
];

async function run(device: Device, sizes: Sizes): Promise<Results> {
  return await runAttention(device, sizes, {
    segmentOf: (position) => position < 140 ? 1 : 2,
  });
}

/** Root mean square of the difference beside that of the numbers. */
function deviation(numbers: Float32Array, wanted: Float32Array): number {
  const squares = (of: Float32Array) => of.reduce((s, x) => s + x * x, 0);
  return Math.sqrt(
    squares(numbers.map((x, i) => x - wanted[i])) / squares(wanted),
  );
}

for (const [title, sizes] of CASES) {
  Deno.test({
    name: `attention of bf16 factors is near the reference: ${title}`,
    ignore,
    fn: async () => {
      const backend = await cpuBackend({ workers: 1 });
      await using device = await backend.open({ precision: "bfloat16" });
      await using witness = localDevice(new ReferenceExecutor());
      const wanted = await run(witness, sizes);
      const given = await run(device, { ...sizes, factors: "bf16" });
      const exact = await run(device, sizes);
      for (const name of ["out", "lse", "dQ", "dK", "dV"] as const) {
        const far = deviation(given[name], wanted[name]);
        assert.ok(far < LARGEST_DEVIATION[name], `${name}: ${far}`);
        // without the attribute the same device computes in float32
        assert.ok(deviation(exact[name], wanted[name]) < 1e-5, name);
        assert.notDeepEqual(given[name], exact[name]);
      }
      const three = await cpuBackend({ workers: 3 });
      await using others = await three.open({ precision: "bfloat16" });
      const again = await run(others, { ...sizes, factors: "bf16" });
      assert.deepEqual(again, given);
    },
  });
}
