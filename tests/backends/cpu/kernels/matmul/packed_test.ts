import assert from "node:assert/strict";
import {
  bytesOf,
  type Device,
  type DType,
  type KernelAttributes,
  randomFrom,
  type View,
} from "@denotune/denotune/core";
import {
  blasBlocks,
  fewRowsBlocks,
} from "../../../../../backends/cpu/blas/blocks.ts";
import { blocksOf } from "../../../../../backends/cpu/kernels/matmul/packed.ts";
import { NATIVE_PRODUCTS } from "../../native_products.ts";
import { openCpu } from "../../open.ts";

interface Product {
  readonly layout: KernelAttributes["matmul"]["layout"];
  readonly batch?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha?: number;
  readonly bias?: boolean;
  readonly addend?: "none" | "separate" | "in place";
  readonly dtype?: Exclude<DType, "i32" | "i8">;
}

/** Sizes around those of tiles, panels and blocks; the last ones are large enough for a BLAS. */
const SIZES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 9, 5],
  [2, 13, 7],
  [3, 8, 4],
  [4, 21, 30],
  [5, 7, 3],
  [6, 8, 16],
  [7, 17, 9],
  [13, 40, 33],
  [200, 65, 10],
  [97, 130, 101],
  [70, 300, 61],
];

function* products(): Generator<Product> {
  for (const layout of ["NN", "NT", "TN"] as const) {
    for (const [i, [m, n, k]] of SIZES.entries()) {
      const addend = (["none", "separate", "in place"] as const)[i % 3];
      const dtype = (["f32", "bf16", "f16"] as const)[Math.floor(i / 2) % 3];
      yield { layout, m, n, k };
      yield { layout, m, n, k, alpha: -0.5, bias: i % 2 === 0, addend, dtype };
    }
    yield {
      layout,
      batch: 3,
      m: 11,
      n: 10,
      k: 5,
      bias: true,
      addend: "in place",
    };
    yield {
      layout,
      batch: 2,
      m: 128,
      n: 96,
      k: 100,
      bias: true,
      addend: "separate",
    };
    yield {
      layout,
      m: 160,
      n: 128,
      k: 96,
      bias: true,
      addend: "in place",
      dtype: "bf16",
      alpha: 2,
    };
    yield { layout, m: 40, n: 1000, k: 64, dtype: "f16" };
  }
}

/** Numbers that bf16 and f16 hold exactly. */
function numbers(count: number, key: number): Float32Array {
  const random = randomFrom(7, key);
  return Float32Array.from(
    { length: count },
    () => (random.below(255) - 127) / 64,
  );
}

function stored(data: Float32Array, dtype: DType): ArrayBufferView {
  if (dtype === "f32") return data;
  const view = new DataView(new ArrayBuffer(2 * data.length));
  for (const [i, x] of data.entries()) {
    if (dtype === "f16") view.setFloat16(2 * i, x, true);
    else {view.setUint16(
        2 * i,
        new Uint32Array(Float32Array.of(x).buffer)[0] >>> 16,
        true,
      );}
  }
  return view;
}

async function check(device: Device, product: Product): Promise<void> {
  const {
    layout,
    batch = 1,
    m,
    n,
    k,
    alpha = 1,
    bias = false,
    addend = "none",
    dtype = "f32",
  } = product;
  const tensor = (data: Float32Array, type: DType = "f32"): View => {
    const buffer = device.allocate(data.length * bytesOf(type), "tensor");
    device.write(buffer, stored(data, type));
    return { buffer, offset: 0, shape: [data.length], dtype: type };
  };
  const [a, b, c, d] = [batch * m * k, batch * k * n, n, batch * m * n].map(
    numbers,
  );
  const views = [tensor(a), tensor(b, dtype)];
  if (bias) views.push(tensor(c));
  const added = addend === "none" ? null : tensor(d);
  if (added !== null) views.push(added);
  // room around the result shows writes outside of it
  const out: View = added !== null && addend === "in place" ? added : {
    ...tensor(new Float32Array(d.length + 32).fill(77)),
    offset: 16,
    shape: [d.length],
  };
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        label: "product",
        attributes: {
          layout,
          batch,
          m,
          n,
          k,
          alpha,
          bias,
          addend: added !== null,
        },
        inputs: views,
        outputs: [out],
      }],
    }],
  });
  device.run(program, {});
  const found = new Float32Array(
    await device.read(out.buffer, 0, 4 * (d.length + 2 * out.offset)),
  );
  const title = JSON.stringify(product);
  for (let i = 0; i < out.offset; i++) {
    assert.equal(found[i], 77, `${title} wrote before its result`);
    assert.equal(
      found[found.length - 1 - i],
      77,
      `${title} wrote behind its result`,
    );
  }
  for (let p = 0; p < batch; p++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0, size = 0;
        for (let q = 0; q < k; q++) {
          const x = a[p * m * k + (layout === "TN" ? q * m + i : i * k + q)];
          const y = b[p * k * n + (layout === "NT" ? j * k + q : q * n + j)];
          sum += x * y;
          size += Math.abs(x * y);
        }
        const at = (p * m + i) * n + j;
        const expected = alpha * sum + (bias ? c[j] : 0) +
          (added === null ? 0 : d[at]);
        const tolerance = 1e-6 * (Math.abs(alpha) * size + 4); // rounding of k terms in single precision
        const got = found[out.offset + at];
        assert(
          Math.abs(got - expected) <= tolerance,
          `${title} at ${p}, ${i}, ${j}: ${got}, expected ${expected}`,
        );
      }
    }
  }
  for (const view of new Set([...views, out].map((v) => v.buffer))) {
    device.free(view);
  }
}

Deno.test("WebAssembly multiplies matrices of every layout, size, storage and epilogue", async () => {
  await using device = await openCpu({ workers: 2, blas: "off" });
  for (const product of products()) await check(device, product);
});

for (const blas of NATIVE_PRODUCTS) {
  Deno.test(`blas ${blas} multiplies matrices of every layout, size, storage and epilogue`, async () => {
    await using device = await openCpu({ workers: 2, blas });
    for (const product of products()) await check(device, product);
  });
}

Deno.test("sums have the same bits whether k is literal or named, also where they are more exact", async () => {
  await using device = await openCpu({ workers: 2, blas: "off" });
  const tensor = (count: number, key: number): View => {
    const buffer = device.allocate(4 * count, "tensor");
    device.write(buffer, numbers(count, key));
    return { buffer, offset: 0, shape: [count], dtype: "f32" };
  };
  const [m, n] = [7, 9];
  const terms = [1, 17, 31, 32, 33, 49, 255, 257, 301];
  for (const layout of ["NN", "TN"] as const) {
    for (const exact of [false, true]) {
      const multiply = async (
        k: number,
        shape: number | { coefficient: number; names: string[] },
      ) => {
        const out = tensor(m * n, 3);
        const inputs = [tensor(m * k, 1), tensor(k * n, 2)];
        const program = await device.compile({
          name: "product",
          capacities: { K: k },
          segments: [{
            calls: [{
              kernel: "matmul",
              label: "product",
              attributes: {
                layout,
                batch: 1,
                m,
                n,
                k: shape,
                alpha: 1,
                bias: false,
                addend: false,
                ...(exact ? { exact } : {}),
              },
              inputs,
              outputs: [out],
            }],
          }],
        });
        device.run(program, { K: k });
        const found = await device.read(out.buffer, 0, 4 * m * n);
        for (const { buffer } of [...inputs, out]) device.free(buffer);
        return new Int32Array(found);
      };
      for (const k of terms) {
        assert.deepEqual(
          await multiply(k, { coefficient: 1, names: ["K"] }),
          await multiply(k, k),
          `${layout}, k ${k}, exact ${exact}`,
        );
      }
    }
  }
});

Deno.test("blocks cover large products by several pieces, small ones by few", () => {
  assert.deepEqual(blocksOf({ batch: 1, m: 6, n: 8, k: 8 }), {
    rows: 6,
    columns: 8,
  });
  const { rows, columns } = blocksOf({ batch: 1, m: 1024, n: 1024, k: 512 });
  assert(rows % 6 === 0 && columns % 8 === 0);
  assert(Math.ceil(1024 / rows) * Math.ceil(1024 / columns) >= 16);
  assert.deepEqual(blasBlocks({ batch: 1, m: 1024, n: 1024, k: 512 }), {
    rows: 256,
    columns: 512,
  });
  assert.deepEqual(blasBlocks({ batch: 1, m: 64, n: 64, k: 64 }), {
    rows: 64,
    columns: 64,
  });
});

Deno.test("a product of few rows is cut into blocks of some 128 columns, an even number of them", () => {
  const columns = (n: number) => fewRowsBlocks({ m: 8, n }, 128).columns;
  assert.deepEqual([192, 576, 768, 1536, 2304].map(columns), [
    96,
    96,
    128,
    128,
    128,
  ]);
  for (let n = 1; n < 3000; n += 7) {
    assert(columns(n) >= 64 && columns(n) <= 128 && columns(n) % 16 === 0);
  }
});
