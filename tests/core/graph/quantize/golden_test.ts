/**
 * Quantisation against bitsandbytes: the same levels, codes and scales, and so the same numbers, bit for bit.
 * `tests/golden/make_quantization.py` says how its numbers were made.
 */
import { quantized } from "../../../../core/graph/quantize/dequantize.ts";
import { dynamicMap } from "../../../../core/graph/quantize/tables.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  dequantize,
  int8Layout,
  NF4_LEVELS,
  nf4Layout,
} from "../../../../core/mod.ts";

interface Golden {
  readonly key: number;
  readonly rows: number;
  readonly columns: number;
  readonly levels: readonly number[];
  readonly map: readonly number[];
  /** One hexadecimal digit a code. */
  readonly codes: string;
  readonly absmax: readonly number[];
  readonly absmax_codes: string;
  readonly groups: readonly number[];
  readonly offset: number;
  readonly first: readonly number[];
  readonly sha256: string;
  readonly int8_codes_sha256: string;
  readonly int8_absmax: readonly number[];
}

const golden: Golden = JSON.parse(
  Deno.readTextFileSync(
    new URL("../../../golden/quantization.json", import.meta.url),
  ),
);
const { rows, columns } = golden;

/** The matrix of the golden script. */
function matrix(): Float32Array {
  let state = golden.key;
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const u = state / 2 ** 31 - 1;
    return u * u * u * 0.05 * (1 + (Math.floor(i / columns) % 7) / 4);
  });
}

function floats(bytes: Uint8Array, word: number, count: number): number[] {
  return [
    ...new Float32Array(bytes.slice(4 * word, 4 * (word + count)).buffer),
  ];
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const asFloats = (
  numbers: readonly number[],
) => [...Float32Array.from(numbers)];

Deno.test("the levels and the dynamic map are bitsandbytes' own", () => {
  assert.deepEqual(NF4_LEVELS, asFloats(golden.levels));
  assert.deepEqual([...dynamicMap()], asFloats(golden.map));
});

Deno.test("nf4 gives bitsandbytes' codes, scales and numbers", () => {
  const shape = { format: "nf4", rows, columns } as const;
  const bytes = quantized(shape, matrix());
  const layout = nf4Layout(shape);
  const codes = Array.from(
    { length: rows * columns },
    (_, i) => ((bytes[i >> 1] >> (4 * (i & 1))) & 15).toString(16),
  ).join("");
  assert.equal(codes, golden.codes);
  assert.equal(
    bytes.subarray(4 * layout.absmax, 4 * layout.absmax + layout.blocks)
      .toHex(),
    golden.absmax_codes,
  );
  assert.deepEqual(
    floats(bytes, layout.groups, layout.groupCount),
    asFloats(golden.groups),
  );
  assert.deepEqual(
    floats(bytes, layout.offset, 1),
    asFloats([golden.offset]),
  );
  const numbers = dequantize(shape, bytes);
  assert.deepEqual([...numbers.subarray(0, 8)], asFloats(golden.first));
  assert.equal(sha256(new Uint8Array(numbers.buffer)), golden.sha256);
});

Deno.test("int8 gives bitsandbytes' codes by row", () => {
  const shape = { format: "int8", rows, columns } as const;
  const bytes = quantized(shape, matrix());
  assert.equal(
    sha256(bytes.subarray(0, rows * columns)),
    golden.int8_codes_sha256,
  );
  assert.deepEqual(
    floats(bytes, int8Layout(shape).scales, rows),
    asFloats(golden.int8_absmax.map((a) => Math.fround(a) / 127)),
  );
});
