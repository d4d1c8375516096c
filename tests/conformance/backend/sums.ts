/**
 * Cases of sums.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import { column } from "../../../core/graph/expression.ts";
import {
  type Dim,
  input,
  type RowProgram,
  type View,
} from "@denotune/denotune/core";
import {
  below,
  type Case,
  caseOf,
  normal,
  type TensorSpec,
  values,
} from "./case.ts";
import { SUM } from "./compare.ts";

const N = dim("N");
const PLACES = ["none", "separate", "in place"] as const;

/** Weight of an element, its row and its column: all accesses. */
const OF = input(0).mul(input(1)).mul(input(2)).mul(input(3, 1)).node;
const ACCESSES: RowProgram["inputs"] = ["matrix", "row", "column", "scalars"];

const columnSums: readonly Case[] = PLACES.map((addend) => {
  const widths = [1, 4, 5, 16, 130, 301];
  const named = (name: string, width: number) => `${name} of ${width}`;
  const tensors = (width: number): Record<string, TensorSpec> => ({
    [named("x", width)]: { shape: [N, width], data: normal },
    [named("w", width)]: { shape: [width], data: normal },
    [named("c", width)]: { shape: [N], data: normal },
    [named("numbers", width)]: { shape: [2], data: values(5, 0.5) },
    [named("addend", width)]: { shape: [width], data: normal },
    [named("out", width)]: {
      shape: [width],
      data: addend === "in place" ? normal : undefined,
    },
  });
  return caseOf({
    title: `sums columns, addend: ${addend}`,
    tensors: Object.assign({}, ...widths.map(tensors)),
    calls: (view) =>
      widths.map((width) => {
        const inputs = ["x", "w", "c", "numbers"].map((name) =>
          view(named(name, width))
        );
        if (addend === "separate") inputs.push(view(named("addend", width)));
        if (addend === "in place") inputs.push(view(named("out", width)));
        return {
          kernel: "column_sum",
          attributes: {
            rows: N,
            columns: width,
            inputs: ACCESSES,
            of: OF,
            addend: addend !== "none",
          },
          inputs,
          outputs: [view(named("out", width))],
          label: `column_sum of ${width}`,
        };
      }),
    capacities: { N: 203 },
    runs: [{ N: 203 }, { N: 64 }, { N: 5 }, { N: 1 }, { N: 0 }],
    outputs: Object.fromEntries(
      widths.map((width) => [named("out", width), SUM]),
    ),
  });
});

function sumOf(
  view: (name: string) => View,
  name: string,
  { elements, addend }: { elements: Dim; addend: (typeof PLACES)[number] },
) {
  const inputs = [view(`x ${name}`), view(`y ${name}`), view("numbers")];
  if (addend === "separate") inputs.push(view("addend"));
  if (addend === "in place") inputs.push(view(name));
  return {
    kernel: "sum",
    attributes: {
      elements,
      inputs: ["matrix", "matrix", "scalars"],
      of: input(0).mul(input(1)).mul(input(2, 0)).node,
      addend: addend !== "none",
    },
    inputs,
    outputs: [view(name)],
    label: name,
  } as const;
}

const sums: Case = caseOf({
  title: "sums everything",
  tensors: {
    numbers: { shape: [1], data: values(0.25) },
    addend: { shape: [], data: values(3) },
    ...Object.fromEntries(PLACES.flatMap((name): [string, TensorSpec][] => [
      [`x ${name}`, { shape: [N, 7], data: normal }],
      [`y ${name}`, { shape: [N, 7], data: normal }],
      [name, { shape: [], data: name === "in place" ? values(2) : undefined }],
    ])),
  },
  calls: (view) =>
    PLACES.map((addend) =>
      sumOf(view, addend, {
        elements: { coefficient: 7, names: ["N"] },
        addend,
      })
    ),
  capacities: { N: 3001 },
  runs: [{ N: 3001 }, { N: 100 }, { N: 1 }, { N: 0 }],
  outputs: Object.fromEntries(PLACES.map((name) => [name, SUM])),
});

const columnsInSums: Case = caseOf({
  title: "sums with the column's index",
  tensors: {
    x: { shape: [3, N], data: below(2) },
    total: { shape: [] },
    sums: { shape: [11] },
    y: { shape: [N, 11], data: below(5) },
  },
  calls: (view) => [
    {
      kernel: "sum",
      attributes: {
        elements: { coefficient: 3, names: ["N"] },
        inputs: ["matrix"],
        of: input(0).mul(column()).node,
        addend: false,
      },
      inputs: [view("x")],
      outputs: [view("total")],
      label: "total",
    },
    {
      kernel: "column_sum",
      attributes: {
        rows: N,
        columns: 11,
        inputs: ["matrix"],
        of: input(0).add(column()).node,
        addend: false,
      },
      inputs: [view("y")],
      outputs: [view("sums")],
      label: "sums",
    },
  ],
  capacities: { N: 101 },
  runs: [{ N: 101 }, { N: 6 }],
  outputs: { total: { kind: "exact" }, sums: { kind: "exact" } }, // whole numbers below 2^24
});

const groupSums: Case = caseOf({
  title: "sums by group",
  tensors: {
    values: { shape: [N], data: normal },
    groups: { shape: [N], dtype: "i32", data: below(5) },
    addend: { shape: [5], data: normal },
    separate: { shape: [5] },
    own: { shape: [5], data: normal },
  },
  calls: (view) =>
    (["separate", "own"] as const).map((name) => ({
      kernel: "group_sum",
      attributes: { rows: N, count: 5 },
      inputs: [
        view("values"),
        view("groups"),
        view(name === "own" ? "own" : "addend"),
      ],
      outputs: [view(name)],
      label: name,
    })),
  capacities: { N: 333 },
  runs: [{ N: 333 }, { N: 4 }, { N: 0 }],
  outputs: { separate: SUM, own: SUM },
});

/** Cases of sums. */
export const sumCases: readonly Case[] = [
  ...columnSums,
  sums,
  columnsInSums,
  groupSums,
];
