/**
 * Cases of row programs: norms, softmax, losses, optimizers' steps.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import {
  column,
  define,
  reduce,
  value,
} from "../../../core/graph/expression.ts";
import {
  constant,
  input,
  random,
  type RowProgram,
  write,
} from "@denotune/denotune/core";
import {
  below,
  type Case,
  caseOf,
  type Data,
  normal,
  type TensorSpec,
  uniform,
  values,
} from "./case.ts";
import { ELEMENT, EXACT, MEAN, SUM, type Tolerance } from "./compare.ts";
import { operators, rowsCall } from "./operators.ts";

/** The same program over one, odd, vector-wide and long rows. */
const WIDTHS = [1, 3, 4, 7, 16, 31, 257];

/** A tensor of an example: a matrix of normal size unless it says otherwise. */
interface Operand {
  readonly access?: "row" | "column";
  readonly dtype?: "i32";
  readonly data?: Data;
  /** Data that depend on the number of columns. */
  readonly perWidth?: (width: number) => Data;
  /** A short vector of these numbers. */
  readonly scalars?: readonly number[];
}

interface Example {
  readonly title: string;
  readonly program: RowProgram;
  /** Inputs and outputs in the program's order: names of tensors; the same name twice is in place. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly data: Readonly<Record<string, Operand>>;
  readonly tolerance: Tolerance;
  /** Of single outputs. */
  readonly tolerances?: Readonly<Record<string, Tolerance>>;
}

const x = input(0);

const EXAMPLES: readonly Example[] = [
  {
    title: "softmax in place",
    program: {
      inputs: ["matrix"],
      stages: [
        reduce("max", "m", x),
        reduce("sum", "s", x.sub(value("m")).exp()),
        define("r", value("s").reciprocal()),
        write(0, x.sub(value("m")).exp().mul(value("r"))),
      ],
      outputs: ["matrix"],
    },
    inputs: ["x"],
    outputs: ["x"],
    data: { x: { data: uniform(-20, 20) } },
    tolerance: { kind: "element", relative: 2e-5, absolute: 1e-7 }, // scores of 20 lose 1e-6
  },
  {
    title: "RMS norm with the root kept for the gradient",
    program: {
      inputs: ["matrix", "row", "scalars"],
      stages: [
        reduce("sum", "s", x.mul(x)),
        define("r", value("s").div(input(2, 1)).add(input(2, 0)).rsqrt()),
        write(1, value("r")),
        write(0, x.mul(value("r")).mul(input(1))),
      ],
      outputs: ["matrix", "column"],
    },
    inputs: ["x", "w", "numbers"],
    outputs: ["y", "r"],
    data: {
      x: { data: normal },
      w: { access: "row", data: normal },
      numbers: { scalars: [1e-5, 64] },
      y: {},
      r: { access: "column" },
    },
    tolerance: ELEMENT,
  },
  {
    title: "layer norm's gradient: two reductions of two inputs",
    program: {
      inputs: ["matrix", "matrix", "row", "column", "column"],
      stages: [
        reduce("sum", "a", input(1).mul(input(2))),
        reduce(
          "sum",
          "b",
          input(1).mul(input(2)).mul(x.sub(input(3)).mul(input(4))),
        ),
        write(
          0,
          input(1).mul(input(2)).sub(value("a").mul(0.01)).sub(
            x.sub(input(3)).mul(input(4)).mul(value("b")).mul(0.01),
          ).mul(input(4)),
        ),
      ],
      outputs: ["matrix"],
    },
    inputs: ["x", "d", "w", "mean", "r"],
    outputs: ["d"],
    data: {
      x: { data: normal },
      d: { data: normal },
      w: { access: "row", data: normal },
      mean: { access: "column", data: normal },
      r: { access: "column", data: uniform(0.5, 2) },
    },
    tolerance: MEAN,
  },
  {
    title: "cross-entropy: the loss, the largest, and the gradient in place",
    program: {
      inputs: ["matrix", "column", "column"],
      stages: [
        reduce("max", "m", x),
        reduce("sum", "s", x.sub(value("m")).exp()),
        reduce("sum", "t", column().eq(input(1)).select(x, 0)),
        define("l", value("m").add(value("s").log())),
        write(1, value("l").sub(value("t")).mul(input(2))),
        write(2, value("m").le(value("t"))),
        write(
          0,
          x.sub(value("l")).exp().sub(column().eq(input(1))).mul(input(2)),
        ),
      ],
      outputs: ["matrix", "column", "column"],
    },
    inputs: ["x", "target", "w"],
    outputs: ["x", "loss", "right"],
    data: {
      x: { data: uniform(-8, 8) },
      target: { access: "column", dtype: "i32", perWidth: below },
      w: { access: "column", data: uniform(0, 2) },
      loss: { access: "column" },
      right: { access: "column" },
    },
    tolerance: ELEMENT,
    tolerances: { right: EXACT },
  },
  {
    title:
      "an optimizer's step: three outputs in place, each from the old inputs",
    program: ((): RowProgram => {
      const [p, g, m, v, lr, beta1, beta2] = [
        x,
        input(1),
        input(2),
        input(3),
        input(4, 0),
        input(4, 1),
        input(4, 2),
      ];
      const first = m.mul(beta1).add(g.mul(constant(1).sub(beta1)));
      const second = v.mul(beta2).add(g.mul(g).mul(constant(1).sub(beta2)));
      return {
        inputs: ["matrix", "matrix", "matrix", "matrix", "scalars"],
        stages: [
          write(0, first),
          write(1, second),
          write(2, p.sub(first.div(second.sqrt().add(1e-8)).mul(lr))),
        ],
        outputs: ["matrix", "matrix", "matrix"],
      };
    })(),
    inputs: ["p", "g", "m", "v", "numbers"],
    outputs: ["m", "v", "p"],
    data: {
      p: { data: normal },
      g: { data: normal },
      m: { data: normal },
      v: { data: uniform(0.1, 2) },
      numbers: { scalars: [0.01, 0.9, 0.99] },
    },
    tolerance: ELEMENT,
  },
  {
    title: "random numbers by row key, stream and column",
    program: {
      inputs: ["matrix", "column"],
      stages: [
        write(0, random(1, 7)),
        write(1, random(1, 123456789).lt(0.25).select(0, x.mul(4 / 3))),
      ],
      outputs: ["matrix", "matrix"],
    },
    inputs: ["x", "key"],
    outputs: ["u", "y"],
    data: {
      x: { data: normal },
      key: {
        access: "column",
        dtype: "i32",
        data: (n, r) =>
          Float64Array.from(
            { length: n },
            (_, i) => i === 0 ? -2147483648 : r.below(4294967296) | 0,
          ),
      },
      u: {},
      y: {},
    },
    tolerance: ELEMENT,
    tolerances: { u: EXACT },
  },
  {
    title: "integers as numbers, from every access",
    program: {
      inputs: ["matrix", "row", "column", "scalars"],
      stages: [
        reduce("max", "m", x.mul(input(3, 1))),
        reduce("sum", "s", x.mul(input(1)).add(input(2)).add(column())),
        write(
          0,
          x.mul(1000).add(input(1).mul(100)).add(input(2).mul(10)).add(
            input(3, 0),
          ).add(column()),
        ),
        write(1, value("m")),
        write(2, value("s")),
      ],
      outputs: ["matrix", "column", "column"],
    },
    inputs: ["x", "w", "c", "numbers"],
    outputs: ["y", "m", "s"],
    data: {
      x: { dtype: "i32", data: below(100) },
      w: { dtype: "i32", access: "row", data: below(10) },
      c: { dtype: "i32", access: "column", data: below(10) },
      numbers: { dtype: "i32", scalars: [3, -1] },
      y: {},
      m: { access: "column" },
      s: { access: "column" },
    },
    tolerance: EXACT, // all below 2^24
  },
  {
    title: "one matrix from a row and a column alone",
    program: {
      inputs: ["row", "column"],
      stages: [
        write(0, x.sub(input(1))),
        reduce("max", "m", x.neg()),
        write(1, value("m").mul(input(1)).abs()),
      ],
      outputs: ["matrix", "column"],
    },
    inputs: ["w", "c"],
    outputs: ["y", "m"],
    data: {
      w: { access: "row", data: normal },
      c: { access: "column", data: normal },
      y: {},
      m: { access: "column" },
    },
    tolerance: ELEMENT,
  },
  {
    title: "a select whose other branch is not a number",
    program: {
      inputs: ["matrix"],
      stages: [
        write(0, constant(0).lt(x).select(x.log(), constant(-1))),
        reduce("sum", "s", x.lt(0).select(0, x.sqrt())),
        write(1, value("s")),
      ],
      outputs: ["matrix", "column"],
    },
    inputs: ["x"],
    outputs: ["y", "s"],
    data: { x: { data: normal }, y: {}, s: { access: "column" } },
    tolerance: ELEMENT,
  },
];

function overWidths(
  { title, program, inputs, outputs, data, tolerance, tolerances = {} }:
    Example,
): Case {
  const rows = dim("N");
  const named = (name: string, width: number) => `${name} of ${width}`;
  const specOf = (
    { access, dtype, data, perWidth, scalars }: Operand,
    width: number,
  ): TensorSpec => {
    if (scalars !== undefined) {
      return { shape: [scalars.length], dtype, data: values(...scalars) };
    }
    const shape = access === "row"
      ? [width]
      : access === "column"
      ? [rows]
      : [rows, width];
    return { shape, dtype, data: perWidth?.(width) ?? data };
  };
  return caseOf({
    title: `computes ${title}`,
    tensors: Object.fromEntries(
      WIDTHS.flatMap((width) =>
        Object.entries(data).map((
          [name, operand],
        ) => [named(name, width), specOf(operand, width)])
      ),
    ),
    calls: (view) =>
      WIDTHS.map((width) =>
        rowsCall(program, { rows, columns: width }, {
          inputs: inputs.map((name) => view(named(name, width))),
          outputs: outputs.map((name) => view(named(name, width))),
        })
      ),
    capacities: { N: 37 },
    runs: [{ N: 37 }, { N: 5 }, { N: 1 }, { N: 0 }],
    outputs: Object.fromEntries(
      WIDTHS.flatMap((width) =>
        outputs.map((name) => [
          named(name, width),
          tolerances[name] ?? tolerance,
        ])
      ),
    ),
  });
}

function longRows(): Case {
  return caseOf({
    title: "folds rows of tens of thousands of columns",
    tensors: {
      x: { shape: [3, 32003], data: normal },
      s: { shape: [3] },
      m: { shape: [3] },
    },
    calls: (view) => [
      rowsCall(
        {
          inputs: ["matrix"],
          stages: [
            reduce("sum", "s", x),
            reduce("max", "m", x),
            write(0, value("s")),
            write(1, value("m")),
          ],
          outputs: ["column", "column"],
        },
        { rows: 3, columns: 32003 },
        { inputs: [view("x")], outputs: [view("s"), view("m")] },
      ),
    ],
    outputs: { s: SUM, m: EXACT },
  });
}

/** Cases of row programs. */
export const rowCases: readonly Case[] = [
  operators,
  ...EXAMPLES.map(overWidths),
  longRows(),
];
