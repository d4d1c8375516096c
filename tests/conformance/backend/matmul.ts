/**
 * Cases of matmul.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import type { HalfStorage, Quantization } from "../../../core/graph/dtype.ts";
import assert from "node:assert/strict";
import {
  type Dim,
  type DType,
  type KernelCall,
  quantizedWords,
  type View,
} from "@denotune/denotune/core";
import { type Case, caseOf, normal, type TensorSpec } from "./case.ts";
import { SUM } from "./compare.ts";

export type Layout = "NN" | "NT" | "TN";
const LAYOUTS: readonly Layout[] = ["NN", "NT", "TN"];

export interface Sizes {
  readonly batch?: Dim;
  readonly m: Dim;
  readonly n: Dim;
  readonly k: Dim;
}

export interface ProductOptions {
  readonly alpha?: number;
  readonly bias?: boolean;
  readonly addend?: "none" | "separate" | "in place";
  readonly dtype?: DType;
  /** How both factors are stored. */
  readonly factors?: HalfStorage;
  /** b is stored like this: sizes must be numbers. */
  readonly quantized?: Quantization;
}

/** Tensors and call of one product; names begin with `prefix`, so that several stand in one plan. */
export function productOf(
  layout: Layout,
  { batch = 1, m, n, k }: Sizes,
  {
    alpha = 1,
    bias = false,
    addend = "none",
    factors,
    dtype = factors ?? "f32",
    quantized,
    prefix = "",
  }: ProductOptions & { prefix?: string },
): {
  tensors: Record<string, TensorSpec>;
  call: (view: (name: string) => View) => KernelCall;
  output: string;
} {
  const tensors: Record<string, TensorSpec> = {
    [`${prefix}a`]: {
      shape: layout === "TN" ? [batch, k, m] : [batch, m, k],
      data: normal,
      ...(factors === undefined ? {} : { dtype }),
    },
    [`${prefix}b`]: quantized === undefined
      ? {
        shape: layout === "NT" ? [batch, n, k] : [batch, k, n],
        data: normal,
        dtype,
      }
      : quantizedMatrix(quantized, layout === "NT" ? [n, k] : [k, n]),
  };
  const inputs = [`${prefix}a`, `${prefix}b`];
  if (bias) {
    tensors[`${prefix}bias`] = { shape: [n], data: normal };
    inputs.push(`${prefix}bias`);
  }
  const output = `${prefix}out`;
  tensors[output] = {
    shape: [batch, m, n],
    data: addend === "in place" ? normal : undefined,
  };
  if (addend === "in place") inputs.push(output);
  if (addend === "separate") {
    tensors[`${prefix}addend`] = { shape: [batch, m, n], data: normal };
    inputs.push(`${prefix}addend`);
  }
  const call = (view: (name: string) => View): KernelCall => ({
    kernel: "matmul",
    attributes: {
      layout,
      batch,
      m,
      n,
      k,
      alpha,
      bias,
      addend: addend !== "none",
      ...(quantized === undefined ? {} : { quantized }),
      ...(factors === undefined ? {} : { factors }),
    },
    inputs: inputs.map((name) => view(name)),
    outputs: [view(output)],
    label: `${layout} ${prefix}`,
  });
  return { tensors, call, output };
}

/** A matrix in quantised words. */
export function quantizedMatrix(
  format: Quantization,
  [rows, columns]: readonly Dim[],
): TensorSpec {
  assert.ok(typeof rows === "number" && typeof columns === "number");
  const shape = { format, rows, columns };
  return {
    shape: [quantizedWords(shape)],
    dtype: "i32",
    data: normal,
    quantized: shape,
  };
}

// One and odd sizes; around the widths of vectors, tiles and unrolled loops; rows of a decode step.
export const SHAPES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 7, 5],
  [3, 5, 2],
  [4, 8, 16],
  [7, 1, 9],
  [17, 33, 9],
  [16, 64, 32],
  [1, 259, 64],
  [65, 127, 66],
  [130, 96, 301],
];

function shapes(layout: Layout): Case {
  const products = SHAPES.map(([m, n, k]) =>
    productOf(layout, { m, n, k }, { prefix: `${m}x${n}x${k} ` })
  );
  return caseOf({
    title: `multiplies ${layout} matrices of every size`,
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    outputs: Object.fromEntries(products.map((p) => [p.output, SUM])),
  });
}

function epilogues(layout: Layout, dtype: DType): Case {
  const products = [false, true].flatMap((bias) =>
    (["none", "separate", "in place"] as const).flatMap((addend) =>
      [1, -0.375].map((alpha) =>
        productOf(layout, { m: 9, n: 22, k: 13 }, {
          bias,
          addend,
          alpha,
          dtype,
          prefix: `bias ${bias} addend ${addend} alpha ${alpha} `,
        })
      )
    )
  );
  return caseOf({
    title: `adds bias and addend to ${layout} products with ${dtype} weights`,
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    outputs: Object.fromEntries(products.map((p) => [p.output, SUM])),
  });
}

function extents(layout: Layout): Case {
  // The data fix rows in activations and their gradients (m), and terms in the gradients of weights (k).
  const rows = dim("B", "T");
  const products = [
    productOf(layout, { m: rows, n: 24, k: 20 }, {
      bias: true,
      addend: "in place",
      prefix: "m ",
    }),
    productOf(layout, { m: 18, n: rows, k: 12 }, { bias: true, prefix: "n " }),
    productOf(layout, { m: 10, n: 24, k: rows }, {
      addend: "in place",
      alpha: 0.5,
      prefix: "k ",
    }),
    // without terms it is 0
    productOf(layout, { m: 10, n: 24, k: rows }, { prefix: "only k " }),
    productOf(layout, { batch: dim("B"), m: dim("T"), n: dim("T"), k: 8 }, {
      prefix: "batch ",
    }),
    productOf(layout, { batch: 3, m: 5, n: 6, k: 7 }, {
      addend: "separate",
      bias: true,
      prefix: "3 ",
    }),
    productOf(layout, { batch: dim("B"), m: 4, n: 9, k: dim("T") }, {
      dtype: "bf16",
      prefix: "half ",
    }),
  ];
  return caseOf({
    title: `multiplies ${layout} matrices under extents below the capacity`,
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    capacities: { B: 3, T: 19 },
    runs: [{ B: 3, T: 19 }, { B: 2, T: 7 }, { B: 1, T: 1 }, { B: 3, T: 16 }, {
      B: 0,
      T: 5,
    }],
    outputs: Object.fromEntries(products.map((p) => [p.output, SUM])),
  });
}

/** Factors in 16 bits: every size, bias, addend and extents; `few`: a sample of them. */
function narrowFactors(
  layout: Layout,
  factors: HalfStorage,
  { few = false }: { readonly few?: boolean } = {},
): Case {
  const rows = dim("B", "T");
  const all = [
    ...SHAPES.map(([m, n, k]) =>
      productOf(layout, { m, n, k }, {
        factors,
        prefix: `${m}x${n}x${k} `,
      })
    ),
    ...[false, true].flatMap((bias) =>
      (["none", "separate", "in place"] as const).map((addend) =>
        productOf(layout, { m: rows, n: 40, k: 64 }, {
          factors,
          bias,
          addend,
          alpha: -0.375,
          prefix: `bias ${bias} addend ${addend} `,
        })
      )
    ),
    productOf(layout, { m: 48, n: 24, k: rows }, {
      factors,
      addend: "in place",
      prefix: "k ",
    }),
    productOf(layout, { m: 48, n: 24, k: rows }, {
      factors,
      prefix: "only k ",
    }),
    productOf(layout, { batch: dim("B"), m: 4, n: 9, k: dim("T") }, {
      factors,
      prefix: "batch ",
    }),
  ];
  const products = few ? all.filter((_, i) => i % 4 === 1) : all;
  return caseOf({
    title: `multiplies ${layout} factors of ${factors} with sums of float32`,
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    capacities: { B: 3, T: 19 },
    runs: [{ B: 3, T: 19 }, { B: 2, T: 7 }, { B: 1, T: 1 }, { B: 0, T: 5 }],
    needs: factors === "bf16" ? "bfloat16" : "float16",
    outputs: Object.fromEntries(products.map((p) => [p.output, SUM])),
  });
}

/** Cases of matmul. */
export const matmulCases: readonly Case[] = LAYOUTS.flatMap((layout) => [
  shapes(layout),
  epilogues(layout, "f32"),
  epilogues(layout, "bf16"),
  epilogues(layout, "f16"),
  extents(layout),
  narrowFactors(layout, "bf16"),
]).concat(
  LAYOUTS.map((layout) => narrowFactors(layout, "f16", { few: true })),
);
