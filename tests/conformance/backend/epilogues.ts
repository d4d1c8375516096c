/**
 * Cases of products with an epilogue: functions of one, two and three outputs over every access, in place and
 * not, in every layout and storage.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import { column } from "../../../core/graph/expression.ts";
import {
  type Dim,
  type Expr,
  input,
  type ProductEpilogue,
  random,
} from "@denotune/denotune/core";
import { type Case, caseOf, normal, type TensorSpec, values } from "./case.ts";
import type { Tolerance } from "./compare.ts";
import {
  type Layout,
  productOf,
  type ProductOptions,
  type Sizes,
} from "./matmul.ts";

/** A sum of some hundred terms, through functions of slope 2 or less: SUM's 4e-6 of the terms, and theirs. */
const APPLIED: Tolerance = { kind: "largest", relative: 2e-5 };

interface Function {
  readonly name: string;
  readonly inputs: ProductEpilogue["inputs"];
  readonly writes: readonly Expr[];
  /** Inputs (counted from 1, as in the expressions) that outputs lie over, by output. */
  readonly over?: readonly (number | null)[];
  /** Integers, as keys of random numbers. */
  readonly keys?: readonly number[];
}

const x = input(0);
const silu = (g: Expr) => g.mul(g.sigmoid());

const FUNCTIONS: readonly Function[] = [
  {
    name: "gelu, with the product kept",
    inputs: [],
    writes: [x, x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5)],
  },
  { name: "gated", inputs: ["matrix"], writes: [silu(input(1)).mul(x)] },
  {
    name: "gradient of gated, in place",
    inputs: ["matrix", "matrix"],
    writes: [
      x.mul(input(2)).mul(input(1).sigmoid()),
      x.mul(silu(input(1))),
    ],
    over: [1, 2],
  },
  {
    name: "outputs over each other's inputs",
    inputs: ["matrix", "matrix"],
    writes: [x.add(input(2)), x.sub(input(1)), input(1).mul(input(2))],
    over: [1, 2, null],
  },
  {
    name: "every access",
    inputs: ["row", "column", "scalars", "matrix"],
    writes: [
      x.mul(input(1)).add(input(2)).add(input(3, 1)).max(input(4)).add(
        column().mul(0.01),
      ),
    ],
  },
  {
    name: "dropped at random",
    inputs: ["column"],
    writes: [random(1, 77).lt(0.25).select(0, x.mul(4 / 3))],
    keys: [1],
  },
  { name: "relu over the addend", inputs: [], writes: [x.max(0)] },
];

function productWith(
  layout: Layout,
  sizes: Sizes,
  { inputs, writes, over = [], keys = [] }: Function,
  options: ProductOptions & { prefix: string },
): ReturnType<typeof productOf> & { outputs: string[] } {
  const { prefix } = options;
  const product = productOf(layout, sizes, options);
  const matrix: readonly Dim[] = [sizes.batch ?? 1, sizes.m, sizes.n];
  const shapes = {
    matrix,
    row: [sizes.n],
    column: [sizes.batch ?? 1, sizes.m],
    scalars: [2],
  };
  const tensors: Record<string, TensorSpec> = { ...product.tensors };
  const names = inputs.map((access, i) => {
    const name = `${prefix}in${i + 1}`;
    tensors[name] = {
      shape: shapes[access],
      dtype: keys.includes(i + 1) ? "i32" : "f32",
      data: access === "scalars"
        ? values(0.5, -0.25)
        : keys.includes(i + 1)
        ? (n) => Float64Array.from({ length: n }, (_, k) => k * 7919 - 5)
        : normal,
    };
    return name;
  });
  const outputs = writes.map((_, o) => {
    const place = over[o];
    if (place !== undefined && place !== null) return names[place - 1];
    if (o === 0) return product.output;
    tensors[`${prefix}out${o}`] = { shape: matrix };
    return `${prefix}out${o}`;
  });
  if (outputs[0] !== product.output) delete tensors[product.output];
  return {
    ...product,
    tensors,
    outputs,
    call: (view) => {
      const from = over[0] === undefined || over[0] === null
        ? view
        : (name: string) => view(name === product.output ? outputs[0] : name);
      const call = product.call(from);
      if (call.kernel !== "matmul") throw new Error("a product is a matmul");
      const epilogue = { inputs, writes: writes.map((e) => e.node) };
      return {
        ...call,
        attributes: { ...call.attributes, epilogue },
        inputs: [...call.inputs, ...names.map((name) => view(name))],
        outputs: outputs.map((name) => view(name)),
      };
    },
  };
}

/** Sizes around tiles, odd and a multiple of four, of a few rows, and of a long inner size. */
const SHAPES: readonly Sizes[] = [
  { m: 5, n: 7, k: 3 },
  { m: 40, n: 36, k: 20 },
  { m: 1, n: 64, k: 260 },
  { batch: 2, m: 9, n: 12, k: 13 },
];

function applied(layout: Layout): Case {
  const products = SHAPES.flatMap((sizes, s) =>
    FUNCTIONS.filter((_, f) => (s + f) % 2 === 0).map((f) =>
      productWith(layout, sizes, f, {
        prefix: `${s} ${f.name} `,
        alpha: s === 1 ? -0.5 : 1,
        bias: s !== 2,
        addend: f.over === undefined
          ? s % 2 === 1 ? "in place" : "none"
          : "separate",
      })
    )
  );
  return caseOf({
    title: `applies functions to ${layout} products`,
    needs: "epilogues",
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    outputs: Object.fromEntries(
      products.flatMap((p) => p.outputs.map((name) => [name, APPLIED])),
    ),
  });
}

function stored(dtype: "f32" | "bf16" | "nf4"): Case {
  const storage = dtype === "nf4" ? { quantized: dtype } : { dtype };
  const rows = dim("B", "T");
  const products = FUNCTIONS.slice(0, 3).map((f) =>
    productWith("NT", { m: rows, n: 36, k: 64 }, f, {
      prefix: `${f.name} `,
      bias: true,
      ...storage,
    })
  );
  return caseOf({
    title: `applies functions to products with ${dtype} weights under extents`,
    needs: "epilogues",
    tensors: Object.assign({}, ...products.map((p) => p.tensors)),
    calls: (view) => products.map((p) => p.call(view)),
    capacities: { B: 3, T: 19 },
    runs: [{ B: 3, T: 19 }, { B: 2, T: 7 }, { B: 1, T: 1 }, { B: 0, T: 5 }],
    outputs: Object.fromEntries(
      products.flatMap((p) => p.outputs.map((name) => [name, APPLIED])),
    ),
  });
}

/** Cases of products with an epilogue. */
export const epilogueCases: readonly Case[] = [
  ...(["NN", "NT", "TN"] as const).map(applied),
  ...(["f32", "bf16", "nf4"] as const).map(stored),
];
