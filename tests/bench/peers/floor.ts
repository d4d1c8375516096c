/**
 * Floors: how long the matrix products of a step would take at the speed of a large one, and how long the weights
 * take to pass by once. A floor needs a quiet moment of its own, so it is taken after the measurement.
 * @module
 */
import { operationsOf } from "../../../core/graph/kernels/mod.ts";
import { sizeOf } from "../../../core/graph/dims.ts";
import type { Device, Extents, Plan, View } from "@denotune/denotune/core";
import { input } from "../../../core/graph/expression.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { THREADS } from "./row.ts";

/** Operations of the products of a program at these extents. */
export function productsOf(plan: Plan, extents: Extents): number {
  let sum = 0;
  for (const { calls, repeat } of plan.segments) {
    // products are linear in the rows of a chunk: all chunks together are one of full size
    const sizes = repeat === undefined
      ? extents
      : { ...extents, [repeat.as]: sizeOf(repeat.total, extents) };
    for (const call of calls) {
      if (call.kernel !== "matmul") continue;
      sum += operationsOf(call, (d) => sizeOf(d, sizes));
    }
  }
  return sum;
}

/** Seconds that so many operations take as one product of 1,024 cubed with a BLAS. */
export async function secondsOfProducts(operations: number): Promise<number> {
  await using device = await openCpu({ workers: THREADS, blas: "auto" });
  const size = 1024;
  const seconds = await productSeconds(device, { m: size, n: size, k: size });
  return operations / (2 * size ** 3) * seconds;
}

/** Seconds of one product NT, the best of many runs. */
export async function productSeconds(
  device: Device,
  { m, n, k }: { m: number; n: number; k: number },
): Promise<number> {
  const tensor = (rows: number, columns: number): View => {
    const buffer = device.allocate(4 * rows * columns, "bench");
    device.write(
      buffer,
      Float32Array.from(
        { length: rows * columns },
        (_, i) => (i % 17) / 17 - 0.5,
      ),
    );
    return { buffer, offset: 0, shape: [rows, columns], dtype: "f32" };
  };
  const views = [tensor(m, k), tensor(n, k), tensor(m, n)];
  const calls = Math.max(1, Math.min(200, Math.round(1e8 / (2 * m * n * k))));
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: Array(calls).fill({
        kernel: "matmul",
        label: "bench",
        attributes: {
          layout: "NT",
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
        },
        inputs: views.slice(0, 2),
        outputs: views.slice(2),
      }),
    }],
  });
  let best = Infinity;
  for (let spent = 0, runs = 0; spent < 0.4 || runs < 4; runs++) {
    const start = performance.now();
    device.run(program, {});
    await device.idle();
    const seconds = (performance.now() - start) / 1000;
    spent += seconds;
    best = Math.min(best, seconds / calls);
  }
  for (const view of views) device.free(view.buffer);
  return best;
}

/** Seconds in which so many bytes pass by from memory, read once by all threads. */
export async function secondsOfBytes(bytes: number): Promise<number> {
  await using device = await openCpu({ workers: THREADS, blas: "off" });
  const elements = 64 * 1024 * 1024;
  const buffer = device.allocate(4 * elements, "bench");
  // memory that nobody has written is one page of zeros, which stays in the nearest cache
  const part = new Float32Array(elements / 64).fill(1);
  for (let i = 0; i < 64; i++) {
    device.write(buffer, part, i * part.byteLength);
    await device.idle();
  }
  const out = device.allocate(4, "sum");
  const program = await device.compile({
    name: "read",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "sum",
        label: "bench",
        attributes: {
          elements,
          inputs: ["matrix"],
          of: input(0).node,
          addend: false,
        },
        inputs: [{ buffer, offset: 0, shape: [elements], dtype: "f32" }],
        outputs: [{ buffer: out, offset: 0, shape: [], dtype: "f32" }],
      }],
    }],
  });
  let best = Infinity;
  for (let runs = 0; runs < 8; runs++) {
    const start = performance.now();
    device.run(program, {});
    await device.idle();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return bytes / (4 * elements) * best;
}
