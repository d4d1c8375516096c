/** Numbers that were not computed here: from PyTorch 2.13 in float64 (transformers' own rotary embedding), or by hand. */
import assert from "node:assert/strict";
import { input } from "../../../core/graph/expression.ts";
import { assertNear, type Given, runKernel } from "./_run.ts";

const i32 = (...of: number[]): Given => ({ dtype: "i32", of });

Deno.test("matmul NT is torch's linear", () => {
  const a = [-0.75, -1.75, 1.0, -0.75, 1.25, -0.5];
  const b = [
    -1.5,
    0.0,
    0.25,
    0.25,
    0.0,
    0.0,
    -0.75,
    -1.0,
    1.0,
    -1.5,
    0.5,
    0.25,
  ];
  const bias = [-0.5, -1.25, -1.0, -0.25];
  const expected = [0.875, -1.4375, 2.3125, 0.25, 0.5, -1.4375, -2.1875, 1.375];
  const attributes = {
    layout: "NT",
    batch: 1,
    m: 2,
    n: 4,
    k: 3,
    alpha: 1,
    bias: true,
    addend: false,
  } as const;
  assertNear(
    runKernel("matmul", attributes, { inputs: [a, b, bias], outputs: [8] })[0],
    expected,
    0,
  );
});

Deno.test("matmul multiplies by hand in all layouts, with alpha, bias and addend", () => {
  // [1 2; 3 4] [5 6 7; 8 9 10] = [21 24 27; 47 54 61], twice that + (1 2 3) + 100
  const expected = [143, 150, 157, 195, 210, 225];
  const operands = {
    NN: [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]],
    NT: [[1, 2, 3, 4], [5, 8, 6, 9, 7, 10]],
    TN: [[1, 3, 2, 4], [5, 6, 7, 8, 9, 10]],
  };
  for (const layout of ["NN", "NT", "TN"] as const) {
    const [a, b] = operands[layout];
    const attributes = {
      layout,
      batch: 2,
      m: 2,
      n: 3,
      k: 2,
      alpha: 2,
      bias: true,
      addend: true,
    };
    const addend = new Array(12).fill(100);
    const inputs = [[...a, ...a], [...b, ...b], [1, 2, 3], addend];
    assertNear(
      runKernel("matmul", attributes, { inputs, outputs: [{ input: 3 }] })[0],
      [...expected, ...expected],
      0,
    );
  }
});

Deno.test("rope turns half-split pairs as transformers does, and back", () => {
  const x = [1.5, 0.75, -1.25, 0.0, 1.0, -0.25, -1.75, 2.0];
  const table = [0, 1, 2, 3].flatMap((
    p,
  ) => [Math.cos(p), Math.cos(p / 100), Math.sin(p), Math.sin(p / 100)]);
  const attributes = {
    rows: 2,
    heads: 1,
    headDim: 4,
    rotary: 4,
    inverse: false,
  };
  const [out] = runKernel("rope", attributes, {
    inputs: [x, i32(1, 3), table],
    outputs: [8],
  });
  // deno-fmt-ignore
  assertNear(out, [1.8622921898, 0.7499625003, 0.5868285949, 0.007499875, -0.7430324825, -0.3098785088, 1.8736068771,
    1.9916011924]);
  const back = { ...attributes, inverse: true };
  assertNear(
    runKernel("rope", back, {
      inputs: [out, i32(1, 3), table],
      outputs: [{ input: 0 }],
    })[0],
    x,
    1e-15,
  );
});

Deno.test("rope copies what is beyond the rotated part of a head", () => {
  const attributes = {
    rows: 1,
    heads: 2,
    headDim: 3,
    rotary: 2,
    inverse: false,
  };
  const quarter = [1, 0, 0, 1]; // positions 0 and 1: cos, sin
  const [out] = runKernel("rope", attributes, {
    inputs: [[1, 2, 3, 4, 5, 6], i32(1), quarter],
    outputs: [6],
  });
  assertNear(out, [-2, 1, 3, -5, 4, 6], 0);
});

Deno.test("sums by column, of everything and by group, added to what was there", () => {
  const of = input(0).mul(input(1, 0)).node;
  const inputs = ["matrix", "scalars"] as const;
  const x = [1, 2, 3, 4, 5, 6];
  const columns = { rows: 3, columns: 2, inputs, of, addend: true };
  assertNear(
    runKernel("column_sum", columns, {
      inputs: [x, [10], [1, 2]],
      outputs: [2],
    })[0],
    [91, 122],
    0,
  );
  const all = { elements: 6, inputs, of, addend: true };
  assertNear(
    runKernel("sum", all, {
      inputs: [x, [10], [5]],
      outputs: [{ input: 2 }],
    })[0],
    [215],
    0,
  );
  const groups = { rows: 4, count: 3 };
  const given = [[1, 2, 3, 4], i32(2, 0, 2, 2), [100, 200, 300]];
  assertNear(
    runKernel("group_sum", groups, { inputs: given, outputs: [3] })[0],
    [102, 200, 308],
    0,
  );
});

Deno.test("gathers, scatters and adds rows by index", () => {
  const table = { dtype: "bf16", of: [1, 2, 3, 4, 5, 6] } as const;
  const gather = { rows: 2, columns: 2 };
  assertNear(
    runKernel("gather_rows", gather, {
      inputs: [table, i32(2, 0)],
      outputs: [4],
    })[0],
    [5, 6, 1, 2],
    0,
  );
  const scatter = { rows: 3, count: 2, columns: 2 };
  const placed = runKernel("scatter_rows", scatter, {
    inputs: [[1, 2, 3, 4], i32(2, 0)],
    outputs: [6],
  })[0];
  assertNear(placed, [3, 4, 0, 0, 1, 2], 0);
  // Tokens 2 0 2: id 2 at places 0 and 2, id 0 at place 1.
  const added = runKernel("scatter_add", { unique: 2, columns: 2 }, {
    inputs: [[1, 2, 3, 4, 5, 6], i32(0, 2, 1), i32(2, 0), i32(0, 2, 3), [
      10,
      10,
      20,
      20,
      30,
      30,
    ]],
    outputs: [{ input: 4 }],
  })[0];
  assertNear(added, [13, 14, 20, 20, 36, 38], 0);
});

Deno.test("moves columns, rows of caches and rings, and finds the largest", () => {
  const x = [1, 2, 3, 4, 5, 6];
  const slice = { rows: 2, from: 3, offset: 1, width: 2 };
  assertNear(
    runKernel("slice_columns", slice, { inputs: [x], outputs: [4] })[0],
    [2, 3, 5, 6],
    0,
  );
  const concat = { rows: 2, widths: [1, 2] };
  assertNear(
    runKernel("concat_columns", concat, {
      inputs: [[1, 4], [2, 3, 5, 6]],
      outputs: [6],
    })[0],
    x,
    0,
  );
  const cache = { B: 2, T: 2, slots: 2, capacity: 3, columns: 1 };
  const written = runKernel("write_cache", cache, {
    inputs: [[0, 0, 0, 0, 0, 0], [1, 2, 3, 4], i32(2, 0), i32(1, 0)],
    outputs: [{ input: 0 }],
  })[0];
  assertNear(written, [3, 4, 0, 0, 0, 1], 0); // the 2 is beyond the capacity
  const ring = runKernel("write_row", { slots: 2, columns: 2 }, {
    inputs: [[1, 2, 3, 4], [8, 9], i32(5)],
    outputs: [{ input: 0 }],
  })[0];
  assertNear(ring, [1, 2, 8, 9], 0);
  const largest = runKernel("argmax", { rows: 3, columns: 3 }, {
    inputs: [[1, 3, 3, -1, -2, -3, 0, 0, 0]],
    outputs: [{ length: 3, dtype: "i32" }],
  })[0];
  assertNear(largest, [1, 0, 0], 0);
  assertNear(
    runKernel("fill", { elements: 2, value: 0.1 }, {
      inputs: [],
      outputs: [2],
    })[0],
    [0.1, 0.1],
    0,
  );
});

Deno.test("copies to 16 bits as torch rounds", () => {
  // Halfway, up and down; the largest; what is too large; halfway among the smallest.
  // deno-fmt-ignore
  const x = [1.00390625, 1.01171875, 0.10000000149011612, -3.1415927410125732, 3.3895313892515355e38,
    65519.98828125, 65520, 5.960464477539063e-08, 2.9802322387695312e-08, 2.983212610274677e-08];
  const bits = {
    bf16: [
      16256,
      16258,
      15821,
      -16311,
      32639,
      18304,
      18304,
      13184,
      13056,
      13056,
    ],
    f16: [15364, 15372, 11878, -15800, 31744, 31743, 31744, 1, 0, 1],
  };
  for (const dtype of ["bf16", "f16"] as const) {
    const [out] = runKernel("copy", { elements: 10 }, {
      inputs: [x],
      outputs: [{ length: 10, dtype }],
    });
    assert.deepEqual(
      Array.from(out),
      bits[dtype].map((b) => numberOf(b, dtype)),
    );
  }
});

/** The number that 16 bits mean, by the formula of the format. */
function numberOf(bits: number, dtype: "bf16" | "f16"): number {
  const [exponentBits, mantissaBits] = dtype === "bf16" ? [8, 7] : [5, 10];
  const sign = bits < 0 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> mantissaBits;
  const mantissa = (bits & ((1 << mantissaBits) - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return sign * Infinity;
  return sign *
    (exponent === 0
      ? mantissa * 2 ** (1 - bias)
      : (1 + mantissa) * 2 ** (exponent - bias));
}
