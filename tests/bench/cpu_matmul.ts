/**
 * Speed of matrix products on the cpu backend: GFLOP/s for shapes of training and decoding, by WebAssembly, by BLAS
 * and by oneDNN from bf16 factors, with 1 and 2 workers. Run: `deno run -A tests/bench/cpu_matmul.ts`
 * @module
 */
import type { Device, KernelCall, Plan, View } from "@denotune/denotune/core";
import { f32ToBf16 } from "@denotune/denotune/core";
import { findBfloat16 } from "../../backends/cpu/blas/bfloat16.ts";
import { cpuBackend } from "../backends/cpu/open.ts";

interface Shape {
  readonly layout: "NN" | "NT" | "TN";
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

const SHAPES: readonly Shape[] = [
  { layout: "NT", m: 1024, n: 128, k: 128 },
  { layout: "NT", m: 1024, n: 384, k: 128 },
  { layout: "NN", m: 1024, n: 128, k: 384 },
  { layout: "TN", m: 128, n: 384, k: 1024 },
  { layout: "NT", m: 512, n: 512, k: 128 },
  { layout: "NT", m: 512, n: 512, k: 512 },
  { layout: "NN", m: 512, n: 512, k: 512 },
  { layout: "TN", m: 512, n: 512, k: 512 },
  { layout: "NT", m: 1024, n: 1536, k: 576 },
  { layout: "TN", m: 576, n: 1536, k: 2048 },
  { layout: "NT", m: 512, n: 4096, k: 576 },
  { layout: "NT", m: 1, n: 1536, k: 576 },
  { layout: "NN", m: 1, n: 3072, k: 768 },
  { layout: "NT", m: 4, n: 4096, k: 576 },
];

/** Work of one program: enough that starting it counts little, short enough for a slice of a busy machine. */
const WORK = 1e8;
/** Seconds for each shape. */
const SECONDS = 0.3;

async function measure(device: Device, shape: Shape): Promise<number> {
  const { layout, m, n, k } = shape;
  const narrow = device.info.precisions?.includes("bfloat16") === true;
  const factor = narrow ? "bf16" : "f32";
  const tensor = (
    rows: number,
    columns: number,
    dtype: View["dtype"],
  ): View => {
    const buffer = device.allocate(4 * rows * columns, "bench");
    const values = Float32Array.from(
      { length: rows * columns },
      (_, i) => (i % 17) / 17 - 0.5,
    );
    device.write(buffer, dtype === "bf16" ? f32ToBf16(values) : values);
    return { buffer, offset: 0, shape: [rows, columns], dtype };
  };
  const a = layout === "TN" ? tensor(k, m, factor) : tensor(m, k, factor);
  const b = layout === "NT" ? tensor(n, k, factor) : tensor(k, n, factor);
  const out = tensor(m, n, "f32");
  const call: KernelCall = {
    kernel: "matmul",
    label: "bench",
    attributes: {
      layout,
      batch: 1,
      m,
      n,
      k,
      alpha: 1,
      bias: false,
      addend: false,
      ...(narrow ? { factors: "bf16" } : {}),
    },
    inputs: [a, b],
    outputs: [out],
  };
  const calls = Math.max(1, Math.min(200, Math.round(WORK / (2 * m * n * k))));
  const plan: Plan = {
    name: "bench",
    capacities: {},
    segments: [{ calls: Array(calls).fill(call) }],
  };
  const program = await device.compile(plan);
  const once = async () => {
    const start = performance.now();
    device.run(program, {});
    await device.idle();
    return (performance.now() - start) / 1000;
  };
  let best = Infinity;
  for (let spent = 0, runs = 0; spent < SECONDS || runs < 4; runs++) {
    const seconds = await once();
    spent += seconds;
    best = Math.min(best, seconds);
  }
  for (const view of [a, b, out]) device.free(view.buffer);
  return (2 * m * n * k * calls) / best / 1e9;
}

const columns: string[] = [];
const results = SHAPES.map(() => [] as number[]);
const ways = {
  wasm: { blas: "off", precision: "float32" },
  blas: { blas: "auto", precision: "float32" },
  ...(findBfloat16(null).found === null
    ? {}
    : { bf16: { blas: "auto", precision: "bfloat16" } as const }),
} as const;
for (const [name, { blas, precision }] of Object.entries(ways)) {
  for (const workers of [1, 2]) {
    const backend = await cpuBackend({ workers, blas });
    await using device = await backend.open({ precision });
    columns.push(`${name} x${workers}`);
    for (const [i, shape] of SHAPES.entries()) {
      results[i].push(await measure(device, shape));
    }
  }
}
console.log(
  ["shape".padEnd(24), ...columns.map((c) => c.padStart(8))].join(" "),
);
for (const [i, { layout, m, n, k }] of SHAPES.entries()) {
  const name = `${layout} ${m} x ${n} x ${k}`.padEnd(24);
  console.log(
    [name, ...results[i].map((r) => r.toFixed(1).padStart(8))].join(" "),
  );
}
