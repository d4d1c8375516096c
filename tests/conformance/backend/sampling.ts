/**
 * Cases of choosing tokens. The chosen columns are compared exactly: a row could differ only where a sum lies
 * within a rounding error of its limit, or two scores of each other, and these rows have none that do.
 * @module
 */

import { dim } from "../../../core/graph/dims.ts";
import { type Case, caseOf, type Data, normal } from "./case.ts";
import { EXACT } from "./compare.ts";

const R = dim("R");
const SLOTS = 9;
const ROWS = 7;

/** Temperature, k, p, penalty. */
type Options = readonly [number, number, number, number];

const OPTIONS: readonly Options[] = [
  [0, 0, 1, 1],
  [0, 3, 0.5, 1.3],
  [1, 0, 1, 1],
  [0.7, 0, 1, 1.2],
  [1.5, 5, 1, 1],
  [1, 1, 1, 1],
  [1, 0, 0.9, 1],
  [0.8, 0, 0.05, 1],
  [2, 40, 0.6, 1.1],
  [0.3, 1000, 0.95, 0.8],
];

/** Options of rows, in turn. */
const inTurn = (options: readonly Options[]): Data => (count) =>
  Array.from(
    { length: count },
    (_, i) => options[Math.floor(i / 4) % options.length][i % 4],
  );

/** Few different numbers, so that whoever stays and whoever leaves are equal. */
const ties: Data = (count, random) =>
  Array.from({ length: count }, () => random.below(5) / 2 - 1);

/** As logits are: wide. */
const wide: Data = (count, random) =>
  Array.from({ length: count }, () => 4 * random.normal());

/** Zeros of both signs, and nothing else. */
const zeros: Data = (count) =>
  Array.from({ length: count }, (_, i) => i % 3 === 0 ? 0 : -0);

/** Any 32 bits. */
const words: Data = (count, random) =>
  Array.from({ length: count }, () => Math.floor(random.next() * 2 ** 32) | 0);

const DATA = { normal, ties, wide, zeros };

function drawn(
  kind: keyof typeof DATA,
  columns: number,
  { rows = ROWS, options = OPTIONS } = {},
): Case {
  const bits = Math.ceil(columns / 32);
  // all rows drawn alike, then each in its own way
  const given = [...options.map((of) => [of]), options];
  return caseOf({
    title: `chooses among ${columns} ${kind} logits`,
    tensors: {
      logits: { shape: [R, columns], data: DATA[kind] },
      keys: { shape: [R], dtype: "i32", data: words },
      places: {
        shape: [R],
        dtype: "i32",
        data: (n) => Array.from({ length: n }, (_, i) => 3 * i),
      },
      index: {
        shape: [R],
        dtype: "i32",
        data: (n) => [4, 0, 8, 2, 7, 1, 3].slice(0, n),
      },
      seen: { shape: [SLOTS, bits], dtype: "i32", data: words },
      ...Object.fromEntries(given.flatMap((of, i) => [
        [`options ${i}`, { shape: [R, 4], data: inTurn(of) }],
        [`chosen ${i}`, { shape: [R], dtype: "i32" as const }],
      ])),
    },
    calls: (view) =>
      given.map((of, i) => ({
        kernel: "sample",
        attributes: { rows: R, columns, slots: SLOTS },
        inputs: ["logits", `options ${i}`, "keys", "places", "index", "seen"]
          .map((name) => view(name)),
        outputs: [view(`chosen ${i}`)],
        label: of.map((row) => row.join(" ")).join(", "),
      })),
    capacities: { R: rows },
    runs: rows === 1 ? [{ R: 1 }] : [{ R: rows }, { R: 1 }, { R: 0 }],
    outputs: Object.fromEntries(given.map((_, i) => [`chosen ${i}`, EXACT])),
  });
}

const taken: Case = caseOf({
  title: "keeps chosen tokens for the next step",
  tensors: {
    chosen: {
      shape: [R],
      dtype: "i32",
      data: (n) => [0, 31, 32, 69, 5, 63, 64].slice(0, n),
    },
    index: {
      shape: [R],
      dtype: "i32",
      data: (n) => [4, 0, 8, 2, 7, 1, 3].slice(0, n),
    },
    tokens: { shape: [SLOTS], dtype: "i32", data: words },
    places: {
      shape: [SLOTS],
      dtype: "i32",
      data: () => [0, 3, 4, 5, 9, 10, 11, 7, 1],
    },
    ring: { shape: [5, SLOTS], dtype: "i32", data: words },
    seen: { shape: [SLOTS, 3], dtype: "i32", data: words },
  },
  calls: (view) => {
    const state = ["tokens", "places", "ring", "seen"].map((n) => view(n));
    return [{
      kernel: "take_tokens",
      attributes: { rows: R, slots: SLOTS, ring: 5, capacity: 11, columns: 70 },
      inputs: [view("chosen"), view("index"), ...state],
      outputs: state,
      label: "take",
    }];
  },
  capacities: { R: ROWS },
  runs: [{ R: ROWS }, { R: 2 }, { R: 0 }],
  outputs: { tokens: EXACT, places: EXACT, ring: EXACT, seen: EXACT },
});

/** Cases of choosing tokens. */
export const samplingCases: readonly Case[] = [
  ...[1, 2, 37, 257, 1003].map((columns) => drawn("normal", columns)),
  ...[37, 257, 1003].map((columns) => drawn("ties", columns)),
  drawn("zeros", 70),
  // a vocabulary of today's size
  drawn("wide", 50257, {
    rows: 1,
    options: [[0, 0, 1, 1], [1, 0, 1, 1.1], [1, 50, 0.95, 1]],
  }),
  taken,
];
