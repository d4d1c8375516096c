import assert from "node:assert/strict";
import {
  dequantize,
  type Device,
  type KernelAttributes,
  type QuantizedShape,
  quantizedWords,
  randomFrom,
  type View,
} from "@denotune/denotune/core";
import { quantize } from "../../../../../core/graph/quantize/quantize.ts";
import { openCpu } from "../../open.ts";

/** Bits of a (m, k) times b, (n, k) transposed or (k, n), with b as it is given. */
async function product(
  device: Device,
  attributes: KernelAttributes["matmul"],
  { a, b }: { a: Float32Array; b: Float32Array | Uint8Array },
): Promise<Uint32Array> {
  const { m, n, k } = attributes;
  assert.ok(typeof m === "number" && typeof n === "number");
  assert.ok(typeof k === "number");
  const place = (data: Float32Array | Uint8Array): View => {
    const buffer = device.allocate(data.byteLength, "test");
    device.write(buffer, data);
    const isFloat = data instanceof Float32Array;
    const shape = [data.byteLength / 4];
    return { buffer, offset: 0, shape, dtype: isFloat ? "f32" : "i32" };
  };
  const [left, right, result] = [a, b, new Float32Array(m * n)].map(place);
  const isWide = b instanceof Float32Array;
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        label: "test",
        attributes,
        inputs: [
          { ...left, shape: [m, k] },
          isWide
            ? { ...right, shape: attributes.layout === "NT" ? [n, k] : [k, n] }
            : right,
        ],
        outputs: [{ ...result, shape: [m, n] }],
      }],
    }],
  });
  device.run(program, {});
  const bits = new Uint32Array(await device.read(result.buffer, 0, 4 * m * n));
  for (const { buffer } of [left, right, result]) device.free(buffer);
  return bits;
}

Deno.test("products of few rows have the same bits with weights in 8 and 4 bits as with these weights in float32", async () => {
  const random = randomFrom(11);
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  for (const workers of [1, 2]) {
    await using device = await openCpu({ workers, blas: "off" });
    for (const format of ["int8", "nf4"] as const) {
      // rows of whole blocks of 64, and others; whole vectors, and others
      for (const k of [64, 192, 576, 100, 36, 7]) {
        for (const [m, n] of [[1, 9], [2, 21], [3, 8], [4, 130]]) {
          const shape: QuantizedShape = { format, rows: n, columns: k };
          const weights = numbers(n * k);
          const words = new Uint8Array(4 * quantizedWords(shape));
          quantize(shape, {
            name: "test",
            read: (start, count) => weights.subarray(start, start + count),
            write: (bytes, at) => words.set(bytes, at),
          });
          const a = numbers(m * k);
          const attributes = {
            layout: "NT" as const,
            batch: 1,
            m,
            n,
            k,
            alpha: 1,
            bias: false,
            addend: false,
          };
          assert.deepEqual(
            await product(
              device,
              { ...attributes, quantized: format },
              { a, b: words },
            ),
            await product(device, attributes, {
              a,
              b: dequantize(shape, words),
            }),
            `${format}, ${m} x ${n} x ${k}, ${workers} workers`,
          );
        }
      }
    }
  }
});

Deno.test("products of few rows have the same bits however many workers share their columns", async () => {
  const random = randomFrom(12);
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  const products = [[1, 768, 29], [2, 385, 12], [3, 100, 77], [4, 9, 5]]
    .flatMap(([m, n, k]) =>
      (["NN", "NT"] as const).map((layout) => ({
        attributes: {
          layout,
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
        },
        factors: { a: numbers(m * k), b: numbers(n * k) },
      }))
    );
  const found: Uint32Array[][] = [];
  for (const workers of [1, 2, 3]) {
    await using device = await openCpu({ workers, blas: "off" });
    const bits: Uint32Array[] = [];
    for (const { attributes, factors } of products) {
      bits.push(await product(device, attributes, factors));
    }
    found.push(bits);
  }
  assert.deepEqual(found[1], found[0]);
  assert.deepEqual(found[2], found[0]);
});
