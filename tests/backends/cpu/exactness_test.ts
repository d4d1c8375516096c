/**
 * How exact kernels are, beside what float32 allows at all. The unit of "times rounding" is the error of the
 * right result, computed here in double precision from the same float32 inputs and rounded once.
 *
 * A chain of n fused multiply-adds of random numbers errs by sqrt(n / 2) times rounding: each addition rounds
 * at the size of its partial sum. Blocks of b within spans of s: sqrt(b / 2 + s / (2 b) + n / (2 s)).
 */
import { Session } from "../../../core/engine/session.ts";
import { dim } from "../../../core/graph/dims.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import assert from "node:assert/strict";
import {
  type Device,
  Graph,
  type KernelCall,
  randomFrom,
  type View,
} from "@denotune/denotune/core";
import { lower } from "../../../backends/cpu/lower.ts";
import { input } from "../../../core/graph/expression.ts";
import { linearCrossEntropy } from "../../../core/graph/ops/linear_cross_entropy.ts";
import type { CpuSettings } from "../../../backends/cpu/mod.ts";
import { NATIVE_PRODUCTS } from "./native_products.ts";
import { openCpu } from "./open.ts";
import { timesRounding } from "./times_rounding.ts";

function normals(count: number, key: number): Float32Array {
  const random = randomFrom(41, key);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Runs one call over fresh buffers and gives its output. */
async function run(
  device: Device,
  call: {
    readonly kernel: KernelCall["kernel"];
    readonly attributes: unknown;
  },
  inputs: readonly (Float32Array | Int32Array)[],
  count: number,
): Promise<Float32Array> {
  const place = (length: number, dtype: View["dtype"]): View => ({
    buffer: device.allocate(4 * length, "tensor"),
    offset: 0,
    shape: [length],
    dtype,
  });
  const views = inputs.map((data) => {
    const view = place(
      data.length,
      data instanceof Int32Array ? "i32" : "f32",
    );
    device.write(view.buffer, data);
    return view;
  });
  const out = place(count, "f32");
  const program = await device.compile({
    name: "exactness",
    capacities: {},
    segments: [{
      calls: [
        { ...call, label: "test", inputs: views, outputs: [out] } as KernelCall,
      ],
    }],
  });
  device.run(program, {});
  const found = new Float32Array(await device.read(out.buffer, 0, 4 * count));
  for (const { buffer } of [...views, out]) device.free(buffer);
  return found;
}

interface Product {
  readonly layout: "NN" | "NT" | "TN";
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function exactProduct(
  { layout, m, n, k }: Product,
  a: Float32Array,
  b: Float32Array,
): Float64Array {
  const out = new Float64Array(m * n); // (m, n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let q = 0; q < k; q++) {
        out[i * n + j] += a[layout === "TN" ? q * m + i : i * k + q] *
          b[layout === "NT" ? j * k + q : q * n + j];
      }
    }
  }
  return out;
}

function productAttributes(
  { layout, m, n, k }: Product,
  exact: boolean,
): Extract<KernelCall, { kernel: "matmul" }>["attributes"] {
  return {
    layout,
    batch: 1,
    m,
    n,
    k,
    alpha: 1,
    bias: false,
    addend: false,
    ...(exact ? { exact } : {}),
  };
}

/** A product, and the largest error that is allowed, in times rounding. */
interface Allowed {
  readonly product: Product;
  readonly exact: boolean;
  readonly most: number;
}

// one chain errs by 5.7, 17 and 45 times rounding; blocks and spans by 4.1, 4.6 and 5.3, short blocks by 3.2
const PRODUCTS: readonly Allowed[] = [
  { product: { layout: "NT", m: 40, n: 48, k: 64 }, exact: false, most: 5 },
  { product: { layout: "NT", m: 40, n: 48, k: 64 }, exact: true, most: 3.6 },
  { product: { layout: "NN", m: 40, n: 48, k: 576 }, exact: false, most: 6 },
  { product: { layout: "TN", m: 40, n: 48, k: 4096 }, exact: false, most: 7 },
];

// large enough for machine code: chains of 256 terms one after the other err by 5.7, 10.8 and 11.7 times rounding
const BY_MACHINE_CODE: readonly Allowed[] = [
  { product: { layout: "NT", m: 128, n: 144, k: 64 }, exact: false, most: 6.2 },
  { product: { layout: "NT", m: 128, n: 144, k: 64 }, exact: true, most: 3.6 },
  { product: { layout: "NN", m: 64, n: 96, k: 576 }, exact: false, most: 11.8 },
  {
    product: { layout: "TN", m: 64, n: 70, k: 4096 },
    exact: false,
    most: 12.9,
  },
];

async function checkProducts(
  blas: CpuSettings["blas"],
  products: readonly Allowed[],
): Promise<void> {
  await using device = await openCpu({ workers: 1, blas });
  for (const { product, exact, most } of products) {
    const { m, n, k } = product;
    const [a, b] = [normals(m * k, 1), normals(k * n, 2)];
    const call = {
      kernel: "matmul",
      attributes: productAttributes(product, exact),
    } as const;
    const found = await run(device, call, [a, b], m * n);
    const times = timesRounding(found, exactProduct(product, a, b));
    assert(
      times <= most,
      `${JSON.stringify(product)}: ${times} times rounding`,
    );
  }
}

Deno.test("long products are added up in blocks: their error is a few times rounding, whatever their inner size", async () => {
  await checkProducts("off", PRODUCTS);
});

Deno.test({
  name:
    "products of machine code are added up in chains of 256 terms; those that are exponentiated stay as exact",
  ignore: !NATIVE_PRODUCTS.includes("machine_code"),
  fn: () => checkProducts("machine_code", BY_MACHINE_CODE),
});

Deno.test("products that are exponentiated stay with the kernels that add up in blocks", () => {
  const product: Product = { layout: "NT", m: 512, n: 256, k: 64 };
  const view = (rows: number, columns: number): View => ({
    buffer: 0,
    offset: 0,
    shape: [rows, columns],
    dtype: "f32",
  });
  const steps = (exact: boolean) =>
    lower(
      {
        kernel: "matmul",
        label: "keys",
        attributes: productAttributes(product, exact),
        inputs: [view(512, 64), view(256, 64)],
        outputs: [view(512, 256)],
      },
      {},
      { blas: true },
    );
  assert(steps(false).some((s) => s.blas !== undefined));
  assert(steps(true).every((s) => s.blas === undefined));
});

Deno.test("products of a few rows, as in decoding, are not left to a BLAS, which would pack the weights for each", () => {
  const usesBlas = (layout: Product["layout"], m: number) => {
    const [n, k] = [2304, 768];
    const view = (rows: number, columns: number): View => ({
      buffer: 0,
      offset: 0,
      shape: [rows, columns],
      dtype: "f32",
    });
    const a = layout === "TN" ? view(k, m) : view(m, k);
    const b = layout === "NT" ? view(n, k) : view(k, n);
    return lower(
      {
        kernel: "matmul",
        label: "decode",
        attributes: productAttributes({ layout, m, n, k }, false),
        inputs: [a, b],
        outputs: [view(m, n)],
      },
      {},
      { blas: true },
    ).some((launch) => launch.blas !== undefined);
  };
  for (const m of [1, 2, 4]) {
    assert.equal(usesBlas("NT", m), false);
    assert.equal(usesBlas("NN", m), false);
    assert.equal(usesBlas("TN", m), true); // a gradient of rank m: its sums are as long as a batch
  }
  assert.equal(usesBlas("NT", 8), true);
});

Deno.test("rotary embedding is rounded once", async () => {
  await using device = await openCpu({ workers: 1, blas: "off" });
  const [rows, heads, headDim, positions] = [9, 3, 10, 12];
  const half = headDim / 2;
  const x = normals(rows * heads * headDim, 3);
  const at = Int32Array.from({ length: rows }, (_, i) => (i * 5) % positions);
  const table = normals(positions * headDim, 4); // any numbers will do
  const found = await run(
    device,
    {
      kernel: "rope",
      attributes: { rows, heads, headDim, rotary: headDim, inverse: false },
    },
    [x, at, table],
    x.length,
  );
  for (let i = 0; i < x.length; i++) {
    const row = Math.floor(i / (heads * headDim)), d = i % headDim;
    const start = i - d, pair = d % half;
    const angle = at[row] * headDim + pair;
    const [a, b] = [x[start + pair], x[start + pair + half]];
    const [cos, sin] = [table[angle], table[angle + half]];
    const exact = d < half ? a * cos - b * sin : b * cos + a * sin;
    assert.equal(found[i], Math.fround(exact), `element ${i}`);
  }
});

Deno.test("sums over rows are added up in blocks", async () => {
  await using device = await openCpu({ workers: 1, blas: "off" });
  const [rows, columns] = [4096, 60];
  const x = normals(rows * columns, 5);
  const found = await run(
    device,
    {
      kernel: "column_sum",
      attributes: {
        rows,
        columns,
        inputs: ["matrix"],
        of: input(0).node,
        addend: false,
      },
    },
    [x],
    columns,
  );
  const exact = new Float64Array(columns);
  for (const [i, v] of x.entries()) exact[i % columns] += v;
  // chains of 256 and 16 chunks: 11.7; blocks of 16 in them: 4.9
  const times = timesRounding(found, exact);
  assert(times <= 7, `${times} times rounding`);
});

Deno.test("cross-entropy does not lose digits to the size of the logits", async () => {
  const [R, V] = [64, 96];
  const random = randomFrom(43);
  // between 40 and 60, and the target's above all others by 4 to 12: the loss is small
  const logits = Float32Array.from(
    { length: R * V },
    () => 40 + 8 * random.next(),
  );
  const targets = Int32Array.from({ length: R }, () => random.below(V));
  for (const [r, t] of targets.entries()) {
    logits[r * V + t] = 52 + 8 * random.next();
  }
  const graph = new Graph();
  const rows = dim("R");
  const result = linearCrossEntropy(graph, {
    hidden: graph.input("hidden", [rows, V]),
    weight: graph.variable("identity", [V, V]), // logits are the hidden rows themselves
    targets: graph.input("targets", [rows], "i32"),
    weights: graph.input("weights", [rows]),
    scale: graph.input("scale", [1]),
  }, { dHidden: true, dWeightSlot: null });
  graph.output("losses", result.losses);
  graph.output("dLogits", result.seeds[0].gradient);
  await using device = await openCpu({ workers: 1, blas: "off" });
  const memory = new Memory(device.info);
  memory.variable("identity", [V, V], { role: "weights" });
  const planned = planProgram(graph, {
    name: "loss",
    memory,
    capacities: { R },
  });
  await using session = await Session.open(device, memory, [planned]);
  session.write(
    "identity",
    Float32Array.from(
      { length: V * V },
      (_, i) => i % (V + 1) === 0 ? 1 : 0,
    ),
  );
  session.run("loss", { R }, {
    hidden: logits,
    targets,
    weights: new Float32Array(R).fill(1),
    scale: Float32Array.of(1),
  });
  const losses = await session.output("loss", "losses", { R });
  const found = await session.output("loss", "dLogits", { R });
  const exact = new Float64Array(R * V);
  for (const [r, t] of targets.entries()) {
    const row = logits.subarray(r * V, (r + 1) * V);
    const largest = Math.max(...row);
    let others = 0;
    for (const [v, x] of row.entries()) {
      if (v !== t) others += Math.exp(x - largest);
    }
    const loss = Math.log1p(others);
    // the sum of 1 and others is rounded a few times; at the size of the logits it would be by 2e-6
    const off = Math.abs(losses[r] - loss);
    assert(off <= 4e-7 + 1e-6 * loss, `loss ${r}: ${losses[r]}, not ${loss}`);
    for (const [v, x] of row.entries()) {
      exact[r * V + v] = v === t
        ? -others / (1 + others)
        : Math.exp(x - largest) / (1 + others);
    }
  }
  assert(found instanceof Float32Array);
  const wrong = exact.map((x, i) =>
    i % V === targets[Math.floor(i / V)] ? 0 : x
  );
  const others = found.map((x, i) => wrong[i] === 0 ? 0 : x);
  // of exp, of the sum, its inverse and the product; a log-sum-exp rounded at the size of the logits: 36
  const times = timesRounding(Float32Array.from(others), wrong);
  assert(times <= 5, `${times} times rounding`);
});
