/**
 * Cases of what only moves elements.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import type { DType } from "@denotune/denotune/core";
import { type Case, caseOf, type Data, normal, values } from "./case.ts";
import { EXACT } from "./compare.ts";

const N = dim("N");

const SLICES: readonly (readonly [number, number])[] = [
  [0, 4],
  [4, 10],
  [14, 8],
  [12, 9],
  [22, 1],
  [0, 23],
];

const columns: Case = caseOf({
  title: "slices and joins columns",
  tensors: {
    x: { shape: [N, 23], data: normal },
    ...Object.fromEntries(
      SLICES.map((
        [offset, width],
      ) => [`${offset}+${width}`, { shape: [N, width] }]),
    ),
    joined: { shape: [N, 23] },
    same: { shape: [N, 23] },
  },
  calls: (view) => [
    ...SLICES.map(([offset, width]) => ({
      kernel: "slice_columns" as const,
      attributes: { rows: N, from: 23, offset, width },
      inputs: [view("x")],
      outputs: [view(`${offset}+${width}`)],
      label: `${offset}+${width}`,
    })),
    {
      kernel: "concat_columns",
      attributes: { rows: N, widths: [9, 10, 4] },
      inputs: [view("12+9"), view("4+10"), view("0+4")],
      outputs: [view("joined")],
      label: "joined",
    },
    {
      kernel: "concat_columns",
      attributes: { rows: N, widths: [23] },
      inputs: [view("x")],
      outputs: [view("same")],
      label: "same",
    },
  ],
  capacities: { N: 19 },
  runs: [{ N: 19 }, { N: 1 }, { N: 0 }],
  outputs: Object.fromEntries(
    [...SLICES.map(([o, w]) => `${o}+${w}`), "joined", "same"].map((
      name,
    ) => [name, EXACT]),
  ),
});

const rings: Case = caseOf({
  title: "writes rows of a ring, round and round",
  tensors: {
    ...Object.fromEntries(
      [0, 4, 5, 12].flatMap((
        at,
      ) => [[`ring ${at}`, { shape: [5, 7], data: normal }], [`at ${at}`, {
        shape: [1],
        dtype: "i32" as const,
        data: values(at),
      }]]),
    ),
    row: { shape: [7], data: normal },
    losses: { shape: [3, 1], data: normal },
    loss: { shape: [1], data: normal },
  },
  calls: (view) => [
    ...[0, 4, 5, 12].map((at) => ({
      kernel: "write_row" as const,
      attributes: { slots: 5, columns: 7 },
      inputs: [view(`ring ${at}`), view("row"), view(`at ${at}`)],
      outputs: [view(`ring ${at}`)],
      label: `ring ${at}`,
    })),
    {
      kernel: "write_row",
      attributes: { slots: 3, columns: 1 },
      inputs: [view("losses"), view("loss"), view("at 4")],
      outputs: [view("losses")],
      label: "losses",
    },
  ],
  outputs: {
    ...Object.fromEntries([0, 4, 5, 12].map((at) => [`ring ${at}`, EXACT])),
    losses: EXACT,
  },
});

/** Ties between two 16-bit neighbours, both ways, beside ordinary numbers, the largest and the smallest. */
const halfway: Data = (count, random) =>
  Array.from({ length: count }, (_, i) =>
    [
      1 + 2 ** -8, // bf16: halfway, down to even
      1 + 3 * 2 ** -8, // bf16: halfway, up to even
      1 + 2 ** -11, // f16: halfway, down
      1 + 3 * 2 ** -11, // f16: halfway, up
      1 + 2 ** -11 + 2 ** -20,
      65504,
      2 ** -14,
      3 * 2 ** -25, // f16: below the normal ones, halfway
      -0,
      -1 - 2 ** -8 - 2 ** -20,
    ][i] ?? random.normal());

const PAIRS: readonly (readonly [DType, DType])[] = [
  ["f32", "f32"],
  ["f32", "bf16"],
  ["f32", "f16"],
  ["bf16", "f32"],
  ["f16", "f32"],
];

const copies: Case = caseOf({
  title: "copies to and from 16 bits, rounding to nearest even",
  tensors: Object.fromEntries(PAIRS.flatMap(([from, to]) => [
    [`${from} for ${to}`, { shape: [N], dtype: from, data: halfway }],
    [`${to} from ${from}`, { shape: [N], dtype: to }],
  ])),
  calls: (view) =>
    PAIRS.map(([from, to]) => ({
      kernel: "copy",
      attributes: { elements: N },
      inputs: [view(`${from} for ${to}`)],
      outputs: [view(`${to} from ${from}`)],
      label: `${from} to ${to}`,
    })),
  capacities: { N: 130 },
  runs: [{ N: 130 }, { N: 65 }, { N: 9 }, { N: 2 }, { N: 0 }],
  outputs: Object.fromEntries(
    PAIRS.map(([from, to]) => [`${to} from ${from}`, EXACT]),
  ),
});

/** Ties between two whole numbers, both ways, what is beyond a byte, and every byte. */
const bytes: Case = caseOf({
  title: "copies to and from bytes, rounding to nearest even",
  tensors: {
    x: {
      shape: [520],
      data: (count, random) =>
        Array.from(
          { length: count },
          (_, i) =>
            [0.5, 1.5, -0.5, -1.5, 126.5, 127.5, 300, -128.5, -300, -0][i] ??
              120 * random.normal(),
        ),
    },
    "x as bytes": { shape: [520], dtype: "i8" },
    bytes: {
      shape: [64, 4],
      dtype: "i8",
      data: (count) => Array.from({ length: count }, (_, i) => i - 128),
    },
    "bytes widened": { shape: [256] },
    short: { shape: [4], data: normal },
    "short as bytes": { shape: [4], dtype: "i8" },
  },
  calls: (view) =>
    ([["x", "x as bytes", 520], ["bytes", "bytes widened", 256], [
      "short",
      "short as bytes",
      4,
    ]] as const)
      .map(([from, to, elements]) => ({
        kernel: "copy" as const,
        attributes: { elements },
        inputs: [view(from)],
        outputs: [view(to)],
        label: to,
      })),
  outputs: {
    "x as bytes": EXACT,
    "bytes widened": EXACT,
    "short as bytes": EXACT,
  },
});

const fills: Case = caseOf({
  title: "fills",
  tensors: {
    a: { shape: [N] },
    b: { shape: [3, N], data: normal },
    c: { shape: [1], data: normal },
  },
  calls: (view) => [
    {
      kernel: "fill",
      attributes: { elements: N, value: 0 },
      inputs: [],
      outputs: [view("a")],
      label: "a",
    },
    {
      kernel: "fill",
      attributes: { elements: { coefficient: 3, names: ["N"] }, value: -1.5 },
      inputs: [],
      outputs: [view("b")],
      label: "b",
    },
    {
      kernel: "fill",
      attributes: { elements: 1, value: 7 },
      inputs: [],
      outputs: [view("c")],
      label: "c",
    },
  ],
  capacities: { N: 77 },
  runs: [{ N: 77 }, { N: 16 }, { N: 1 }, { N: 0 }],
  outputs: { a: EXACT, b: EXACT, c: EXACT },
});

/** Few different numbers, so that the largest is there several times. */
const ties: Data = (count, random) =>
  Array.from({ length: count }, () => random.below(4) - 6);

const argmaxes: Case = caseOf({
  title: "finds the first largest",
  tensors: Object.fromEntries([1, 3, 8, 37, 300].flatMap((width) => [
    [`ties of ${width}`, { shape: [N, width], data: ties }],
    [`of ${width}`, { shape: [N], dtype: "i32" as const }],
    [`x of ${width}`, { shape: [N, width], data: normal }],
    [`of x of ${width}`, { shape: [N], dtype: "i32" as const }],
  ])),
  calls: (view) =>
    [1, 3, 8, 37, 300].flatMap((width) =>
      ([["ties of", "of"], ["x of", "of x of"]] as const).map(([from, to]) => ({
        kernel: "argmax" as const,
        attributes: { rows: N, columns: width },
        inputs: [view(`${from} ${width}`)],
        outputs: [view(`${to} ${width}`)],
        label: `${to} ${width}`,
      }))
    ),
  capacities: { N: 11 },
  runs: [{ N: 11 }, { N: 1 }, { N: 0 }],
  outputs: Object.fromEntries(
    [1, 3, 8, 37, 300].flatMap((
      w,
    ) => [[`of ${w}`, EXACT], [`of x of ${w}`, EXACT]]),
  ),
});

/** Cases of what only moves elements. */
export const moveCases: readonly Case[] = [
  columns,
  rings,
  copies,
  bytes,
  fills,
  argmaxes,
];
