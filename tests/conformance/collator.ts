/**
 * What every collator must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Collator,
  type CollatorLimits,
  randomFrom,
  type WeightedExample,
} from "@denotune/denotune/core";

const limits: CollatorLimits = {
  maxLength: 64,
  batchSize: 4,
  padId: 0,
  seed: 7,
};

/** Registers the tests of a collator. */
export function testCollator(
  name: string,
  make: () => Collator | Promise<Collator>,
): void {
  Deno.test(`${name}: a plan has every example exactly once, in rows that fit`, async () => {
    const collator = await make();
    for (const count of [1, 2, 5, 100, 1001]) {
      const lengths = randomLengths(count);
      const { offsets, members } = collator.plan(lengths, limits);
      assert.deepEqual([...members].sort((a, b) => a - b), [...lengths.keys()]);
      assert.equal(offsets[0], 0);
      assert.equal(offsets[offsets.length - 1], count);
      for (let r = 1; r < offsets.length; r++) {
        assert.ok(offsets[r] > offsets[r - 1], "an empty row");
        const row = members.subarray(offsets[r - 1], offsets[r]);
        assert.ok(
          row.reduce((sum, i) => sum + lengths[i], 0) <= limits.maxLength,
          "a row above maxLength",
        );
      }
    }
  });

  Deno.test(`${name}: a plan is a function of lengths and limits`, async () => {
    const lengths = randomLengths(500);
    const [first, second] = [await make(), await make()];
    assert.deepEqual(first.plan(lengths, limits), second.plan(lengths, limits));
    assert.deepEqual(
      first.plan(lengths, limits),
      first.plan(lengths.slice(), { ...limits }),
    );
    const window = first.window?.(limits) ?? 1;
    assert.ok(Number.isInteger(window) && window > 0, "no window of examples");
    assert.equal(second.window?.(limits) ?? 1, window);
  });

  Deno.test(`${name}: a batch holds its examples, and nothing else but padding`, async () => {
    const collator = await make();
    const lengths = randomLengths(40);
    const { offsets, members } = collator.plan(lengths, limits);
    const rows: WeightedExample[][] = [];
    for (let r = 0; r < Math.min(4, offsets.length - 1); r++) {
      rows.push(
        [...members.subarray(offsets[r], offsets[r + 1])].map((i) =>
          exampleOf(i, lengths[i], r)
        ),
      );
    }
    const batch = collator.collate(rows, limits);
    assert.equal(batch.B, rows.length);
    assert.ok(batch.T <= limits.maxLength);
    assert.equal(batch.examples, rows.flat().length);
    assert.equal(
      batch.realTokens,
      rows.flat().reduce((sum, e) => sum + e.ids.length, 0),
    );
    assert.equal(batch.firstRow, rows[0][0].row);
    for (
      const array of [
        batch.tokens,
        batch.weights,
        batch.positions,
        batch.segments,
        batch.sources,
      ]
    ) {
      assert.equal(array.length, batch.B * batch.T);
    }
    for (const [b, row] of rows.entries()) {
      const at = (
        array: Int32Array | Float32Array,
        segment: number,
      ): number[] =>
        [...array.subarray(b * batch.T, (b + 1) * batch.T)].filter((_, t) =>
          batch.segments[b * batch.T + t] === segment
        );
      for (const [k, { ids, weights, source }] of row.entries()) {
        assert.deepEqual(at(batch.tokens, k + 1), [...ids]);
        assert.deepEqual(at(batch.weights, k + 1), [...weights]);
        assert.deepEqual(at(batch.positions, k + 1), [...ids.keys()]);
        assert.deepEqual(new Set(at(batch.sources, k + 1)), new Set([source]));
      }
      assert.ok(
        at(batch.weights, 0).every((weight) => weight === 0),
        "padding with a weight",
      );
    }
  });

  Deno.test(`${name}: the sequences of an example are segments of their own, of one group, in one batch`, async () => {
    const collator = await make();
    const pair = { ...exampleOf(0, 9, 0), lengths: [4, 5] };
    const single = exampleOf(1, 6, 1);
    const batch = collator.collate([[pair], [single]], limits);
    assert.ok(batch.groups !== undefined, "no groups");
    const found = new Map<number, Map<string, number>>(); // group -> tokens of each segment
    for (let at = 0; at < batch.B * batch.T; at++) {
      const group: number = batch.groups[at];
      const segment: number = batch.segments[at];
      assert.equal(group === 0, segment === 0);
      if (segment === 0) continue;
      const own = found.get(group) ?? new Map<string, number>();
      const of = `${Math.floor(at / batch.T)}/${segment}`;
      assert.equal(batch.positions[at], own.get(of) ?? 0);
      found.set(group, own.set(of, (own.get(of) ?? 0) + 1));
    }
    assert.deepEqual(
      [...found.values()].map((own) => [...own.values()]),
      [[4, 5], [6]],
    );
    const plain = collator.collate([[single]], limits);
    assert.equal(plain.groups, undefined);
  });
}

function randomLengths(count: number): Int32Array {
  const random = randomFrom(count);
  return Int32Array.from(
    { length: count },
    () => 1 + random.below(limits.maxLength),
  );
}

function exampleOf(
  index: number,
  length: number,
  row: number,
): WeightedExample {
  return {
    ids: Int32Array.from({ length }, (_, t) => 1 + index * 100 + t),
    weights: Float32Array.from({ length }, (_, t) => t / length),
    source: index % 3,
    row,
  };
}
