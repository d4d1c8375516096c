/**
 * Cases of quantised matrices: their numbers, and products with them where the device has those.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import type { Quantization } from "../../../core/graph/dtype.ts";
import { QUANTIZATIONS } from "@denotune/denotune/core";
import { type Case, caseOf } from "./case.ts";
import { SUM, type Tolerance } from "./compare.ts";
import { type Layout, productOf, quantizedMatrix, SHAPES } from "./matmul.ts";

/** Three products and a sum of numbers below 4, in float32: exact but for what a fused addition rounds less. */
const STORED: Tolerance = {
  kind: "element",
  relative: 4e-7,
  absolute: 4e-7,
};

// Rows that end within a word and within a block; many blocks; more than one group of 256 blocks.
const SIZES: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 5],
  [2, 64],
  [5, 63],
  [9, 172],
  [16, 96],
  [67, 130],
  [131, 257],
];

function numbers(format: Quantization): Case {
  const name = ([rows, columns]: readonly number[]) => `${rows}x${columns}`;
  return caseOf({
    title: `widens ${format} matrices of every size`,
    tensors: Object.fromEntries(SIZES.flatMap((size) => [
      [`${name(size)} words`, quantizedMatrix(format, size)],
      [name(size), { shape: size }],
    ])),
    calls: (view) =>
      SIZES.map((size) => ({
        kernel: "copy",
        attributes: {
          elements: size[0] * size[1],
          quantized: { format, rows: size[0], columns: size[1] },
        },
        inputs: [view(`${name(size)} words`)],
        outputs: [view(name(size))],
        label: name(size),
      })),
    outputs: Object.fromEntries(SIZES.map((size) => [name(size), STORED])),
  });
}

const N = dim("N");

function gathers(format: Quantization): Case {
  const sizes = SIZES.slice(1); // (rows, columns): indices go through the rows, the last one first
  const name = ([rows, columns]: readonly number[]) => `${rows}x${columns}`;
  return caseOf({
    title: `gathers rows of ${format} tables`,
    needs: format,
    tensors: Object.fromEntries(sizes.flatMap((size) => [
      [`${name(size)} words`, quantizedMatrix(format, size)],
      [`${name(size)} index`, {
        shape: [N],
        dtype: "i32" as const,
        data: (count: number) =>
          Array.from({ length: count }, (_, i) => size[0] - 1 - i % size[0]),
      }],
      [name(size), { shape: [N, size[1]] }],
    ])),
    calls: (view) =>
      sizes.map((size) => ({
        kernel: "gather_rows",
        attributes: {
          rows: N,
          columns: size[1],
          quantized: { format, rows: size[0], columns: size[1] },
        },
        inputs: [view(`${name(size)} words`), view(`${name(size)} index`)],
        outputs: [view(name(size))],
        label: name(size),
      })),
    capacities: { N: 29 },
    runs: [{ N: 29 }, { N: 1 }, { N: 0 }],
    outputs: Object.fromEntries(sizes.map((size) => [name(size), STORED])),
  });
}

function products(format: Quantization, layout: Layout): Case {
  const all = [
    ...SHAPES.map(([m, n, k]) =>
      productOf(layout, { m, n, k }, {
        quantized: format,
        prefix: `${m}x${n}x${k} `,
      })
    ),
    ...(["none", "separate", "in place"] as const).map((addend) =>
      productOf(layout, { m: 9, n: 22, k: 13 }, {
        bias: true,
        alpha: -0.375,
        addend,
        quantized: format,
        prefix: `addend ${addend} `,
      })
    ),
    // large enough for any way that a backend has for large ones
    productOf(layout, { m: 140, n: 170, k: 130 }, {
      bias: true,
      addend: "in place",
      quantized: format,
      prefix: "large ",
    }),
    productOf(layout, { m: dim("B", "T"), n: 65, k: 172 }, {
      addend: "in place",
      quantized: format,
      prefix: "rows ",
    }),
  ];
  return caseOf({
    title: `multiplies ${layout} by ${format} matrices`,
    needs: format,
    tensors: Object.assign({}, ...all.map((p) => p.tensors)),
    calls: (view) => all.map((p) => p.call(view)),
    capacities: { B: 3, T: 19 },
    runs: [{ B: 3, T: 19 }, { B: 1, T: 1 }, { B: 0, T: 7 }],
    outputs: Object.fromEntries(all.map((p) => [p.output, SUM])),
  });
}

/** Cases of quantised matrices. */
export const quantizedCases: readonly Case[] = QUANTIZATIONS.flatMap((
  format,
) => [
  numbers(format),
  gathers(format),
  products(format, "NN"),
  products(format, "NT"),
  products(format, "TN"),
]);
