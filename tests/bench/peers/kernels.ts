/**
 * Single kernels: products without a BLAS, attention forward and backward.
 * @module
 */
import process from "node:process";
import type { KernelAttributes, View } from "@denotune/denotune/core";
import type { CpuInput } from "../../../backends/cpu/mod.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { productSeconds, secondsOfProducts } from "./floor.ts";
import { type Measured, peakMemory, THREADS } from "./row.ts";

/** A product NT; work is GFLOP. */
export async function products(
  size: { m: number; n: number; k: number },
  options: Pick<CpuInput, "blas" | "blas_path" | "workers">,
): Promise<Measured> {
  const device = await openCpu({ workers: THREADS, ...options });
  const before = process.cpuUsage();
  const start = performance.now();
  const seconds = await productSeconds(device, size);
  const share = seconds / ((performance.now() - start) / 1000);
  const used = process.cpuUsage(before);
  const peak = peakMemory();
  await device[Symbol.asyncDispose]();
  const operations = 2 * size.m * size.n * size.k;
  return {
    work: operations / 1e9,
    seconds,
    processor: (used.user + used.system) / 1e6 * share,
    peak,
    floor: await secondsOfProducts(operations),
  };
}

/** Attention of one row of T tokens, 12 heads of 64, causal, forward and backward; work is tokens. */
export async function attention(T: number, profile = false): Promise<Measured> {
  const [heads, headDim] = [12, 64];
  const device = await openCpu({ workers: THREADS, blas: "auto", profile });
  const attributes: KernelAttributes["attention"] = {
    B: 1,
    T,
    heads,
    kvHeads: heads,
    headDim,
    causal: true,
    scale: headDim ** -0.5,
    window: null,
    softcap: null,
  };
  const tensor = (columns: number): View => {
    const buffer = device.allocate(4 * T * columns, "bench");
    device.write(
      buffer,
      Float32Array.from({ length: T * columns }, (_, i) => Math.sin(i) / 2),
    );
    return { buffer, offset: 0, shape: [T, columns], dtype: "f32" };
  };
  const [q, k, v, out, dOut, dQ, dK, dV] = Array.from(
    { length: 8 },
    () => tensor(heads * headDim),
  );
  const lse = tensor(heads);
  const buffer = device.allocate(4 * T, "segments");
  device.write(buffer, new Int32Array(T).fill(1));
  const segments: View = { buffer, offset: 0, shape: [1, T], dtype: "i32" };
  const program = await device.compile({
    name: "attention",
    capacities: {},
    segments: [{
      calls: [
        {
          kernel: "attention",
          label: "bench",
          attributes,
          inputs: [q, k, v, segments],
          outputs: [out, lse],
        },
        {
          kernel: "attention_backward",
          label: "bench",
          attributes,
          inputs: [q, k, v, segments, out, lse, dOut],
          outputs: [dQ, dK, dV],
        },
      ],
    }],
  });
  const run = async () => {
    device.run(program, {});
    await device.idle();
  };
  await run();
  await device.profile?.();
  const before = process.cpuUsage();
  const start = performance.now();
  let runs = 0;
  while (runs < 3 || performance.now() - start < 1000) {
    await run();
    runs++;
  }
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(before);
  if (profile) console.error(await device.profile?.());
  const peak = peakMemory();
  await device[Symbol.asyncDispose]();
  // two products forward and five backward, of the half that a causal mask leaves
  const operations = runs * 7 * heads * T * T * headDim;
  return {
    work: runs * T,
    seconds,
    processor: (used.user + used.system) / 1e6,
    peak,
    floor: await secondsOfProducts(operations),
  };
}
