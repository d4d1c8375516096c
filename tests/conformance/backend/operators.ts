/**
 * Every operator of expressions, and the call that all cases of row programs make.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import {
  type BinaryOp,
  type Dim,
  Expr,
  input,
  type RowProgram,
  type UnaryOp,
  type View,
  write,
} from "@denotune/denotune/core";
import { type Case, caseOf, type Data, normal, uniform } from "./case.ts";
import { ELEMENT, EXACT, type Tolerance } from "./compare.ts";

/** A call of a row program. */
export function rowsCall(
  program: RowProgram,
  { rows, columns }: { rows: Dim; columns: Dim },
  views: { inputs: readonly View[]; outputs: readonly View[] },
): {
  kernel: "rows";
  attributes: { rows: Dim; columns: Dim; program: RowProgram };
  label: string;
} & typeof views {
  return {
    kernel: "rows",
    attributes: { rows, columns, program },
    label: "rows",
    ...views,
  };
}

const UNARY: readonly (readonly [UnaryOp, Data, Tolerance])[] = [
  ["neg", normal, EXACT],
  ["abs", normal, EXACT],
  ["exp", uniform(-30, 30), ELEMENT],
  ["log", uniform(1e-6, 30), ELEMENT],
  ["sqrt", uniform(0, 30), ELEMENT],
  ["rsqrt", uniform(1e-3, 30), ELEMENT],
  ["reciprocal", uniform(0.05, 30), ELEMENT],
  ["tanh", uniform(-12, 12), ELEMENT],
  ["sigmoid", uniform(-40, 40), ELEMENT],
  ["erf", uniform(-5, 5), ELEMENT],
  [
    "sign",
    (n, r) => Float64Array.from({ length: n }, () => r.below(5) - 2),
    EXACT,
  ],
  ["floor", uniform(-9, 9), EXACT],
  [
    "isFinite",
    (n) =>
      Float64Array.from(
        { length: n },
        (_, i) => [1, Infinity, -3e38, NaN, -Infinity, 0, 3e38][i % 7],
      ),
    EXACT,
  ],
];
const BINARY: readonly (readonly [BinaryOp, Tolerance])[] = [
  ["add", ELEMENT],
  ["sub", ELEMENT],
  ["mul", ELEMENT],
  ["div", ELEMENT],
  ["min", EXACT],
  ["max", EXACT],
  ["lt", EXACT],
  ["le", EXACT],
  ["eq", EXACT],
];

/** Every operator over a vector whose length the data fix. */
export const operators: Case = operatorsCase();

function operatorsCase(): Case {
  const n = dim("N");
  // Halves: exact, and often equal, so that comparisons meet ties. Never zero, which div could not stand.
  const halves: Data = (count, r) =>
    Float64Array.from(
      { length: count },
      () => (r.below(12) + 1) * (r.below(2) - 0.5),
    );
  return caseOf({
    title: "computes every operator",
    tensors: {
      x: { shape: [n], data: halves },
      y: { shape: [n], data: halves },
      ...Object.fromEntries(
        UNARY.flatMap((
          [op, data],
        ) => [[`of ${op}`, { shape: [n], data }], [op, { shape: [n] }]]),
      ),
      ...Object.fromEntries(BINARY.map(([op]) => [op, { shape: [n] }])),
    },
    calls: (view) => [
      ...UNARY.map(([op]) =>
        rowsCall(
          {
            inputs: ["matrix"],
            stages: [
              write(0, new Expr({ kind: "unary", op, a: input(0).node })),
            ],
            outputs: ["matrix"],
          },
          { rows: 1, columns: n },
          { inputs: [view(`of ${op}`)], outputs: [view(op)] },
        )
      ),
      ...BINARY.map(([op]) =>
        rowsCall(
          {
            inputs: ["matrix", "matrix"],
            stages: [
              write(
                0,
                new Expr({
                  kind: "binary",
                  op,
                  a: input(0).node,
                  b: input(1).node,
                }),
              ),
            ],
            outputs: ["matrix"],
          },
          { rows: 1, columns: n },
          { inputs: [view("x"), view("y")], outputs: [view(op)] },
        )
      ),
    ],
    capacities: { N: 1003 },
    runs: [{ N: 1003 }, { N: 64 }, { N: 3 }, { N: 0 }],
    outputs: Object.fromEntries([
      ...UNARY.map(([op, , tolerance]) => [op, tolerance]),
      ...BINARY,
    ]),
  });
}
