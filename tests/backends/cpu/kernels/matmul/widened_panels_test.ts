import assert from "node:assert/strict";
import {
  dequantize,
  type Device,
  type QuantizedShape,
  randomFrom,
  type View,
} from "@denotune/denotune/core";
import { quantized } from "../../../../../core/graph/quantize/dequantize.ts";
import { openCpu } from "../../open.ts";

interface Product {
  readonly m: number;
  readonly matrix: QuantizedShape;
  readonly a: Float32Array;
  readonly words: Uint8Array;
}

async function multiply(
  device: Device,
  { m, matrix, a, words }: Product,
): Promise<Float32Array> {
  const { rows: n, columns: k, format } = matrix;
  const place = (
    data: Float32Array | Uint8Array,
    shape: readonly number[],
    dtype: View["dtype"],
  ): View => {
    const buffer = device.allocate(data.byteLength, "test");
    device.write(buffer, data);
    return { buffer, offset: 0, shape, dtype };
  };
  const views = [
    place(a, [m, k], "f32"),
    place(words, [words.byteLength / 4], "i32"),
    place(new Float32Array(m * n), [m, n], "f32"),
  ];
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        label: "test",
        attributes: {
          layout: "NT",
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
          quantized: format,
        },
        inputs: views.slice(0, 2),
        outputs: views.slice(2),
      }],
    }],
  });
  device.run(program, {});
  const bytes = await device.read(views[2].buffer, 0, 4 * m * n);
  for (const { buffer } of views) device.free(buffer);
  return new Float32Array(bytes);
}

Deno.test("panels of matrices in 8 and 4 bits give the sums of their numbers, with the same bits however many workers share them", async () => {
  const random = randomFrom(21);
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  const count = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 150 : 6;
  const products = Array.from({ length: count }, (_, i): Product => {
    const [m, k] = [
      5 + random.below(i % 3 === 0 ? 250 : 12),
      90 + random.below(500),
    ];
    // as many multiply-adds as a BLAS gets, and some more
    const n = Math.ceil((1 << 20) / m / k) + random.below(200);
    const format = i % 2 === 0 ? "int8" as const : "nf4" as const;
    const matrix = { format, rows: n, columns: k };
    const words = quantized(matrix, numbers(n * k));
    return { m, matrix, a: numbers(m * k), words };
  });
  const found: Float32Array[][] = [];
  for (const workers of [1, 2, 3]) {
    await using device = await openCpu({ workers, blas: "auto" });
    const results: Float32Array[] = [];
    for (const product of products) {
      results.push(await multiply(device, product));
    }
    found.push(results);
  }
  assert.deepEqual(found[1], found[0]);
  assert.deepEqual(found[2], found[0]);
  for (const [i, { m, matrix, a, words }] of products.entries()) {
    const { rows: n, columns: k } = matrix;
    const b = dequantize(matrix, words);
    // some of the sums, the first and the last among them
    for (
      const at of [
        0,
        m * n - 1,
        ...Array.from({ length: 200 }, () => random.below(m * n)),
      ]
    ) {
      const [row, column] = [Math.floor(at / n), at % n];
      let sum = 0, terms = 0;
      for (let j = 0; j < k; j++) {
        const term = a[row * k + j] * b[column * k + j];
        sum += term;
        terms += Math.abs(term);
      }
      const error = Math.abs(found[0][i][at] - sum);
      // float32 sums of some hundred terms, in whatever order
      assert.ok(error <= 1e-6 * terms, `product ${i}, ${at}: ${error}`);
    }
  }
});
