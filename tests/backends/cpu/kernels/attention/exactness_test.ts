/**
 * How exact attention is, in times rounding: by the WebAssembly kernel, by machine code, and by a library whose weights
 * are machine code's.
 */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { NATIVE_PRODUCTS } from "../../native_products.ts";
import { openCpu } from "../../open.ts";
import { timesRounding } from "../../times_rounding.ts";
import {
  attributesOf,
  type Inputs,
  type Results,
  runAttention,
  type Sizes,
} from "./_run.ts";

type SizesOfCase = Sizes & { readonly headDim: number };
type Exact = Record<keyof Results, Float64Array>;

/** Both passes of causal attention of one row, in double precision. */
function exactAttention(sizes: SizesOfCase, inputs: Inputs): Exact {
  const { queries, keys, values, dOut } = inputs;
  const { T, heads, kvHeads, headDim } = sizes;
  const { scale } = attributesOf(sizes);
  const width = heads * headDim, kvWidth = kvHeads * headDim;
  const of = (columns: number) => new Float64Array(T * columns);
  const result: Exact = {
    out: of(width),
    lse: of(heads),
    dQ: of(width),
    dK: of(kvWidth),
    dV: of(kvWidth),
  };
  const { out, lse, dQ, dK, dV } = result;
  for (let head = 0; head < heads; head++) {
    const first = Math.floor(head * kvHeads / heads) * headDim;
    for (let i = 0; i < T; i++) {
      const q = i * width + head * headDim;
      const seen = Array.from({ length: i + 1 }, (_, j) => j * kvWidth + first);
      const dot = (a: Float32Array, b: Float32Array, at: number) => {
        let sum = 0;
        for (let c = 0; c < headDim; c++) sum += a[q + c] * b[at + c];
        return sum;
      };
      const scores = seen.map((k) => scale * dot(queries, keys, k));
      const most = Math.max(...scores);
      const sum = scores.reduce((s, x) => s + Math.exp(x - most), 0);
      const weights = scores.map((x) => Math.exp(x - most) / sum);
      const slopes = seen.map((k) => dot(dOut, values, k)); // of the weights
      const mean = slopes.reduce((s, x, j) => s + x * weights[j], 0);
      lse[i * heads + head] = most + Math.log(sum);
      for (const [j, k] of seen.entries()) {
        const dScore = scale * weights[j] * (slopes[j] - mean);
        for (let c = 0; c < headDim; c++) {
          out[q + c] += weights[j] * values[k + c];
          dQ[q + c] += dScore * keys[k + c];
          dK[k + c] += dScore * queries[q + c];
          dV[k + c] += weights[j] * dOut[q + c];
        }
      }
    }
  }
  return result;
}

/** Random numbers, so that gradients are sums of terms that are as large as they are. */
function randomInputs({ T, heads, kvHeads, headDim }: SizesOfCase): Inputs {
  const random = randomFrom(43);
  const numbers = (columns: number) =>
    Float32Array.from({ length: T * columns }, () => random.normal());
  return {
    queries: numbers(heads * headDim),
    keys: numbers(kvHeads * headDim),
    values: numbers(kvHeads * headDim),
    dOut: numbers(heads * headDim),
  };
}

// a tenth above WebAssembly's errors; machine code's gradients err by up to a third less
const CASES: readonly {
  readonly title: string;
  readonly T: number;
  readonly headDim: number;
  readonly most: Record<keyof Results, number>;
}[] = [{
  title: "a row of one block",
  T: 48,
  headDim: 64,
  most: { out: 7.7, lse: 1.9, dQ: 15, dK: 17, dV: 11.5 },
}, {
  title: "rows too short for a library",
  T: 96,
  headDim: 16,
  most: { out: 6.4, lse: 1.6, dQ: 10, dK: 14, dV: 14 },
}, {
  title: "rows of many blocks",
  T: 300,
  headDim: 64,
  most: { out: 11.5, lse: 1.6, dQ: 15.5, dK: 24.5, dV: 24.5 },
}];

for (const { title, T, headDim, most } of CASES) {
  Deno.test(`attention errs by a few times rounding, whatever multiplies: ${title}`, async () => {
    const sizes: SizesOfCase = {
      B: 1,
      T,
      heads: 4,
      kvHeads: 2,
      headDim,
      scale: headDim ** -0.5,
    };
    const inputs = randomInputs(sizes);
    const exact = exactAttention(sizes, inputs);
    for (const blas of ["off", ...NATIVE_PRODUCTS] as const) {
      await using device = await openCpu({ workers: 1, blas });
      const found = await runAttention(device, sizes, { inputs });
      for (const name of ["out", "lse", "dQ", "dK", "dV"] as const) {
        const times = timesRounding(found[name], exact[name]);
        assert.ok(
          times <= most[name],
          `${name}, blas ${blas}: ${times} times rounding`,
        );
      }
    }
  });
}
