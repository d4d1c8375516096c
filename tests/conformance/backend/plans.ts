/**
 * Cases of whole plans: repeated segments, values that live from call to call.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import { reduce, value } from "../../../core/graph/expression.ts";
import { input, type View, write } from "@denotune/denotune/core";
import { type Case, caseOf, normal, values } from "./case.ts";
import { ELEMENT, EXACT, SUM } from "./compare.ts";

const R = dim("R");
const chunk = dim("chunk");

/**
 * Logits of R rows in chunks of 4 rows, one buffer for all chunks; losses of all rows, and a gradient
 * that every chunk adds to:
 *
 * ```text
 * rows    0 1 2 3 | 4 5 6 7 | 8 9        chunk = 4, 4, 2
 * x       advances by 4 * 6              logits, dW: always the same place
 * ```
 */
const chunked: Case = {
  title: "repeats a segment over chunks, the last one short",
  tensors: {
    x: { shape: [R, 6], data: normal },
    w: { shape: [9, 6], data: normal },
    logits: { shape: [4, 9] },
    losses: { shape: [R] },
    dW: { shape: [9, 6], data: normal },
    total: { shape: [], data: values(1) },
  },
  segments: (view) => [
    {
      repeat: { total: R, chunk: 4, as: "chunk" },
      calls: [
        {
          kernel: "matmul",
          attributes: {
            layout: "NT",
            batch: 1,
            m: chunk,
            n: 9,
            k: 6,
            alpha: 1,
            bias: false,
            addend: false,
          },
          inputs: [view("x", { shape: [chunk, 6], advance: 24 }), view("w")],
          outputs: [view("logits", { shape: [chunk, 9] })],
          label: "logits",
        },
        {
          kernel: "rows",
          attributes: {
            rows: chunk,
            columns: 9,
            program: {
              inputs: ["matrix"],
              stages: [
                reduce("sum", "s", input(0).mul(input(0))),
                write(0, value("s")),
              ],
              outputs: ["column"],
            },
          },
          inputs: [view("logits", { shape: [chunk, 9] })],
          outputs: [view("losses", { shape: [chunk], advance: 4 })],
          label: "losses",
        },
        {
          kernel: "matmul",
          attributes: {
            layout: "TN",
            batch: 1,
            m: 9,
            n: 6,
            k: chunk,
            alpha: 1,
            bias: false,
            addend: true,
          },
          inputs: [
            view("logits", { shape: [chunk, 9] }),
            view("x", { shape: [chunk, 6], advance: 24 }),
            view("dW"),
          ],
          outputs: [view("dW")],
          label: "dW",
        },
      ],
    },
    {
      calls: [{
        kernel: "sum",
        attributes: {
          elements: R,
          inputs: ["matrix"],
          of: input(0).node,
          addend: true,
        },
        inputs: [view("losses"), view("total")],
        outputs: [view("total")],
        label: "total",
      }],
    },
  ],
  capacities: { R: 14 },
  runs: [{ R: 14 }, { R: 12 }, { R: 4 }, { R: 3 }, { R: 0 }],
  // The logits of the last chunk stand before those of an earlier one where the last is short.
  outputs: { losses: SUM, dW: SUM, total: SUM, logits: SUM },
};

function addOne(view: View) {
  return {
    kernel: "rows",
    attributes: {
      rows: 1,
      columns: 5,
      program: {
        inputs: ["matrix"],
        stages: [write(0, input(0).add(1))],
        outputs: ["matrix"],
      },
    },
    inputs: [view],
    outputs: [view],
    label: "add one",
  } as const;
}

const manyTimes: Case = {
  title:
    "runs the calls of a repeated segment in turn, over dimensions with a coefficient",
  tensors: {
    x: { shape: [5], data: values(1, 2, 3, 4, 5) },
    seen: { shape: [7, 5], data: normal },
  },
  segments: (view) => [{
    repeat: { total: { coefficient: 2, names: ["R"] }, chunk: 3, as: "chunk" },
    calls: [
      addOne(view("x")),
      {
        kernel: "copy",
        attributes: { elements: 5 },
        inputs: [view("x")],
        outputs: [view("seen", { shape: [5], advance: 5 })],
        label: "seen",
      },
    ],
  }],
  capacities: { R: 10 },
  runs: [{ R: 10 }, { R: 6 }, { R: 1 }, { R: 0 }],
  outputs: { x: EXACT, seen: EXACT },
};

const chain: Case = caseOf({
  title: "runs calls in order, each after the one before",
  tensors: {
    x: { shape: [1, 5], data: values(1, 2, 3, 4, 5) },
    y: { shape: [1, 5] },
    z: { shape: [1, 5] },
  },
  calls: (view) => [
    ...Array.from({ length: 40 }, () => addOne(view("x"))),
    {
      kernel: "copy",
      attributes: { elements: 5 },
      inputs: [view("x")],
      outputs: [view("y")],
      label: "y",
    },
    addOne(view("x")),
    {
      kernel: "copy",
      attributes: { elements: 5 },
      inputs: [view("y")],
      outputs: [view("z")],
      label: "z",
    },
  ],
  outputs: { x: EXACT, y: EXACT, z: EXACT },
});

const empty: Case = {
  title: "runs a plan without calls",
  tensors: { x: { shape: [3], data: normal } },
  segments: () => [{ calls: [] }, {
    calls: [],
    repeat: { total: R, chunk: 1, as: "chunk" },
  }],
  capacities: { R: 2 },
  outputs: { x: ELEMENT },
};

/** Cases of whole plans. */
export const planCases: readonly Case[] = [chunked, manyTimes, chain, empty];
