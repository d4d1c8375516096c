/**
 * Cases of what a layer keeps besides keys and values: convolutions and recurrences, within segments and behind a
 * state, at sizes drawn by chance.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import { type Extents, randomFrom } from "@denotune/denotune/core";
import { type Case, caseOf, type Data, normal } from "./case.ts";
import { MEAN, SUM } from "./compare.ts";

const B = dim("B");
const T = dim("T");
const random = randomFrom(2026);

/** Segments of random lengths, the last of a row padding (0). */
const packed: Data = (count, random, { T }: Extents) => {
  let segment = 1;
  return Array.from({ length: count }, (_, i) => {
    const t = i % T;
    if (t === 0) segment = 1;
    else if (random.below(4) === 0) segment++;
    return t >= T - Math.floor(T / 6) ? 0 : segment;
  });
};

/** Logarithms of what stays of a state. */
const decays: Data = (count, random) =>
  Array.from({ length: count }, () => -4 * random.next() ** 2);

const SLOTS = 4;

/** Rows in any slots: one goes on, one starts, one has fewer new tokens than the others. */
const rows = {
  lengths: {
    shape: [B],
    dtype: "i32" as const,
    data: (n: number) => [5, 0, 9].slice(0, n),
  },
  counts: {
    shape: [B],
    dtype: "i32" as const,
    data: (n: number, _: unknown, { T }: Extents) =>
      [T, Math.max(1, T - 2), Math.min(T, 1)].slice(0, n),
  },
  index: {
    shape: [B],
    dtype: "i32" as const,
    data: (n: number) => [3, 0, 2].slice(0, n),
  },
};
const CACHED_SIZES = {
  capacities: { B: 3, T: 9 },
  runs: [
    { B: 3, T: 1 },
    { B: 3, T: 9 },
    { B: 3, T: 4 },
    { B: 1, T: 2 },
    { B: 0, T: 1 },
  ],
};
const SIZES = {
  capacities: { B: 3, T: 37 },
  runs: [
    { B: 3, T: 37 },
    { B: 2, T: 18 },
    { B: 1, T: 1 },
    { B: 3, T: 2 },
    { B: 0, T: 5 },
  ],
};

function convolutions(columns: number, taps: number): Case[] {
  const shared = {
    x: { shape: [B, T, columns], data: normal },
    weight: { shape: [columns, taps], data: normal },
  };
  const title = `${columns} columns over ${taps} tokens`;
  const attributes = { B, T, columns, taps };
  return [
    caseOf({
      title: `convolves ${title}, both ways`,
      tensors: {
        ...shared,
        segments: { shape: [B, T], dtype: "i32", data: packed },
        forwards: { shape: [B, T, columns] },
        backwards: { shape: [B, T, columns] },
      },
      calls: (view) =>
        (["forwards", "backwards"] as const).map((name) => ({
          kernel: "convolution",
          attributes: { ...attributes, reverse: name === "backwards" },
          inputs: [view("x"), view("weight"), view("segments")],
          outputs: [view(name)],
          label: name,
        })),
      ...SIZES,
      outputs: { forwards: SUM, backwards: SUM },
    }),
    caseOf({
      title: `convolves ${title} behind a tail`,
      tensors: {
        ...shared,
        ...rows,
        tail: { shape: [SLOTS, taps - 1, columns], data: normal },
        out: { shape: [B, T, columns] },
      },
      calls: (view) => [{
        kernel: "convolution_cached",
        attributes: { ...attributes, slots: SLOTS },
        inputs: ["x", "weight", "tail", "lengths", "counts", "index"]
          .map((name) => view(name)),
        outputs: [view("out"), view("tail")],
        label: title,
      }],
      ...CACHED_SIZES,
      outputs: { out: SUM, tail: SUM },
    }),
  ];
}

function recurrences(
  [heads, keyDim, valueDim]: readonly [number, number, number],
): Case[] {
  const shared = {
    q: { shape: [B, T, heads * keyDim], data: normal },
    k: { shape: [B, T, heads * keyDim], data: normal },
    v: { shape: [B, T, heads * valueDim], data: normal },
    decay: { shape: [B, T, heads], data: decays },
  };
  const title = `${heads} heads of ${keyDim} by ${valueDim}`;
  const attributes = { B, T, heads, keyDim, valueDim };
  return [
    caseOf({
      title: `runs recurrences of ${title}, both ways`,
      tensors: {
        ...shared,
        segments: { shape: [B, T], dtype: "i32", data: packed },
        forwards: { shape: [B, T, heads * valueDim] },
        backwards: { shape: [B, T, heads * valueDim] },
      },
      calls: (view) =>
        (["forwards", "backwards"] as const).map((name) => ({
          kernel: "recurrence",
          attributes: { ...attributes, reverse: name === "backwards" },
          inputs: ["q", "k", "v", "decay", "segments"].map((n) => view(n)),
          outputs: [view(name)],
          label: name,
        })),
      ...SIZES,
      outputs: { forwards: MEAN, backwards: MEAN },
    }),
    caseOf({
      title: `runs recurrences of ${title} from a state`,
      tensors: {
        ...shared,
        ...rows,
        state: { shape: [SLOTS, heads, keyDim, valueDim], data: normal },
        out: { shape: [B, T, heads * valueDim] },
      },
      calls: (view) => [{
        kernel: "recurrence_cached",
        attributes: { ...attributes, slots: SLOTS },
        inputs: [
          "q",
          "k",
          "v",
          "decay",
          "state",
          "lengths",
          "counts",
          "index",
        ].map((name) => view(name)),
        outputs: [view("out"), view("state")],
        label: title,
      }],
      ...CACHED_SIZES,
      outputs: { out: MEAN, state: MEAN },
    }),
  ];
}

const below = (n: number) => 1 + random.below(n);

/** Cases of states. */
export const stateCases: readonly Case[] = [
  ...convolutions(1, 2),
  ...convolutions(8, 3),
  ...convolutions(67, 4),
  ...[0, 1, 2].flatMap(() => convolutions(below(90), 1 + below(6))),
  ...recurrences([1, 1, 1]),
  ...recurrences([3, 8, 4]),
  ...recurrences([2, 5, 70]),
  ...[0, 1, 2].flatMap(() => recurrences([below(4), below(20), below(20)])),
];
