import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import {
  intervalsOf,
  type Touched,
} from "../../../../backends/cpu/runtime/intervals.ts";

const at = (...cells: number[]) =>
  cells.map((cell) => ({ from: cell, to: cell + 1 }));

function touched(
  reads: readonly number[],
  writes: readonly number[],
  apart: object | null = null,
): Touched {
  return { reads: at(...reads), writes: at(...writes), apart };
}

Deno.test("launches that touch nothing of each other share an interval", () => {
  const sums = [
    touched([0], [1]), // a product
    touched([2], [3]), // partial sums
    touched([3], [4]), // the sums of these
    touched([0], [5]), // another product: it need not wait for the sums
  ];
  assert.deepEqual(intervalsOf(sums), [[0, 1, 3], [2]]);
});

Deno.test("launches of one call that write apart do not wait for each other, others do", () => {
  const call = {};
  const launches = [
    touched([0], [9], call),
    touched([1], [9], call),
    touched([2], [9]),
  ];
  assert.deepEqual(intervalsOf(launches), [[0, 1], [2]]);
});

Deno.test("every launch finds in memory what it finds when launches run in their order", () => {
  const random = randomFrom(5);
  const pick = (count: number) =>
    Array.from({ length: random.below(count) }, () => random.below(12));
  let moved = 0;
  for (let round = 0; round < 300; round++) {
    const launches = Array.from(
      { length: 1 + random.below(40) },
      () => ({ reads: pick(4), writes: [random.below(12), ...pick(2)] }),
    );
    const intervals = intervalsOf(
      launches.map(({ reads, writes }) => touched(reads, writes)),
    );
    // a launch writes a word of its number and all that it has read
    const run = (order: readonly number[]) => {
      const memory: string[] = Array(12).fill("-");
      const hash = (text: string) => {
        let sum = 7;
        for (const c of text) sum = (31 * sum + c.charCodeAt(0)) | 0;
        return `${sum}`;
      };
      for (const number of order) {
        const { reads, writes } = launches[number];
        const seen = [...reads, ...writes].map((cell) => memory[cell]);
        const word = hash(`${number}:${seen}`);
        for (const cell of writes) memory[cell] = word;
      }
      return memory;
    };
    const plain = run([...launches.keys()]);
    const order = intervals.flat();
    moved += order.some((number, i) => number !== i) ? 1 : 0;
    assert.deepEqual(run(order), plain);
    // inside of an interval any order will do
    assert.deepEqual(run(intervals.flatMap((i) => i.toReversed())), plain);
    assert.deepEqual(order.toSorted((a, b) => a - b), [...launches.keys()]);
    assert.ok(intervals.every((interval) => interval.length <= 16));
  }
  assert.ok(moved > 100);
});
