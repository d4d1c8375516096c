import { quantized } from "../../../../core/graph/quantize/dequantize.ts";
import { quantize } from "../../../../core/graph/quantize/quantize.ts";
import { refuseQuantizedMerge } from "../../../../core/graph/quantize/refuse_merge.ts";
import assert from "node:assert/strict";
import {
  dequantize,
  type QuantizedShape,
  quantizedWords,
  randomFrom,
} from "../../../../core/mod.ts";
import { transposed } from "../../../../core/graph/quantize/transposed.ts";

const FORMATS = ["int8", "nf4"] as const;

function normals(count: number, key = 1): Float32Array {
  const random = randomFrom(key, count);
  return Float32Array.from({ length: count }, () => random.normal() * 0.02);
}

for (const format of FORMATS) {
  Deno.test(`${format} does not depend on how much is read at a time`, () => {
    for (const [rows, columns] of [[1, 1], [3, 5], [9, 172], [70, 64]]) {
      const shape: QuantizedShape = { format, rows, columns };
      const values = normals(rows * columns);
      const whole = quantized(shape, values);
      for (const chunk of [1, 100, 1000]) {
        const bytes = new Uint8Array(whole.length);
        let most = 0;
        quantize(shape, {
          name: "w",
          chunk,
          read: (start, count) => {
            most = Math.max(most, count);
            return values.subarray(start, start + count);
          },
          write: (part, at) => {
            assert.equal(part.length % 4, 0);
            assert.equal(at % 4, 0);
            bytes.set(part, at);
          },
        });
        assert.deepEqual(bytes, whole);
        assert.ok(most <= Math.max(chunk, 4 * columns, 64));
      }
    }
  });

  Deno.test(`${format} keeps zeros, and every number to within half a step`, () => {
    const shape: QuantizedShape = { format, rows: 12, columns: 80 };
    const values = normals(12 * 80);
    values.fill(0, 80, 320); // rows and blocks of nothing
    const found = dequantize(shape, quantized(shape, values));
    for (let row = 0; row < 12; row++) {
      const own = values.subarray(row * 80, (row + 1) * 80);
      const largest = own.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      for (let c = 0; c < 80; c++) {
        const error = Math.abs(found[row * 80 + c] - own[c]);
        // nf4: blocks span rows, and their scales have 8 bits
        const step = format === "int8" ? largest / 254 * 1.001 : 0.012;
        assert.ok(error <= step, `[${row}, ${c}]: ${error}`);
        if (row > 0 && row < 4) assert.equal(found[row * 80 + c], 0);
      }
    }
  });

  Deno.test(`${format} gives any range of its numbers`, () => {
    const shape: QuantizedShape = { format, rows: 7, columns: 45 };
    const bytes = quantized(shape, normals(7 * 45));
    const all = dequantize(shape, bytes);
    for (const [start, count] of [[0, 1], [44, 2], [63, 66], [300, 15]]) {
      assert.deepEqual(
        dequantize(shape, bytes, { start, count }),
        all.slice(start, start + count),
      );
    }
  });

  Deno.test(`${format} refuses numbers that are not finite, by name`, () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const values = normals(128);
      values[70] = bad;
      assert.throws(
        () => quantized({ format, rows: 2, columns: 64 }, values, "h.0.w"),
        { name: "DataError", message: /h\.0\.w.*not finite/ },
      );
    }
  });
}

Deno.test("nf4 takes 4.13 bits a number, int8 8 and a scale a row", () => {
  const bits = (format: "int8" | "nf4") =>
    32 * quantizedWords({ format, rows: 4096, columns: 4096 }) / 4096 ** 2;
  assert.equal(bits("int8"), 8 + 32 / 4096);
  assert.ok(Math.abs(bits("nf4") - 4.127) < 0.001);
});

Deno.test("a file's (in, out) is read as (out, in), in any parts", () => {
  const [rows, columns] = [6, 5];
  const filed = Float32Array.from({ length: 30 }, (_, i) => i);
  let largest = 0;
  const read = transposed({ rows, columns }, (start, count) => {
    largest = Math.max(largest, count);
    return filed.subarray(start, start + count);
  });
  const expected = Array.from(
    { length: 30 },
    (_, i) => (i % columns) * rows + Math.floor(i / columns),
  );
  assert.deepEqual([...read(0, 30)], expected);
  largest = 0;
  const parts = [[0, 7], [7, 1], [8, 15], [23, 7]];
  assert.deepEqual(
    parts.flatMap(([start, count]) => [...read(start, count)]),
    expected,
  );
  assert.ok(largest <= 4, `${largest} numbers of a line at a time`);
});

Deno.test("an adapter is not merged into a quantised base", () => {
  refuseQuantizedMerge(null, "outputs/a");
  assert.throws(() => refuseQuantizedMerge("nf4", "outputs/a"), {
    name: "ConfigError",
    message: /outputs\/a.*nf4.*model\.quantization=null/,
  });
});
