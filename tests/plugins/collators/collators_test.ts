import assert from "node:assert/strict";
import { randomFrom, type WeightedExample } from "@denotune/denotune/core";
import { packed, padded } from "../../../plugins/collators/mod.ts";
import { testCollator } from "../../conformance/collator.ts";
import { make } from "../../core/data/_support.ts";

const limits = { maxLength: 8, batchSize: 2, padId: 9, seed: 1 };

function example(
  length: number,
  { source = 0, row = 0 } = {},
): WeightedExample {
  return {
    ids: Int32Array.from({ length }, (_, t) => t + 1),
    weights: Float32Array.from({ length }, (_, t) => t === 0 ? 0 : 1),
    source,
    row,
  };
}

testCollator("padded", async () => await make("collator", padded));
testCollator(
  "padded, grouped by length",
  async () => await make("collator", padded, { group_by_length: true }),
);
testCollator("packed", async () => await make("collator", packed));
testCollator(
  "packed, small windows",
  async () => await make("collator", packed, { window: 7 }),
);

Deno.test("padded pads to the longest, to a multiple, or to max_length", async () => {
  const rows = [[example(5)], [example(3)]];
  for (
    const [options, T] of [[{}, 5], [{ pad_to_multiple_of: 4 }, 8], [{
      pad_to: "max_length",
    }, 8]] as const
  ) {
    const collator = await make("collator", padded, options);
    assert.equal(collator.collate(rows, limits).T, T);
  }
});

Deno.test("padding is a segment of its own, known by length and not by id", async () => {
  const collator = await make("collator", padded);
  const eosIsPad: WeightedExample = {
    ids: Int32Array.of(1, 9),
    weights: Float32Array.of(0, 1),
    source: 0,
    row: 0,
  };
  const batch = collator.collate([[example(3)], [eosIsPad]], limits);
  assert.deepEqual([...batch.tokens], [1, 2, 3, 1, 9, 9]);
  assert.deepEqual([...batch.segments], [1, 1, 1, 1, 1, 0]);
  assert.deepEqual([...batch.weights], [0, 1, 1, 0, 1, 0]);
  assert.equal(batch.realTokens, 5);
});

Deno.test("packed puts segments side by side, and positions start again in each", async () => {
  const collator = await make("collator", packed);
  const batch = collator.collate([[example(3), example(2, { source: 1 })], [
    example(4),
  ]], limits);
  assert.equal(batch.T, 5);
  assert.deepEqual([...batch.positions], [0, 1, 2, 0, 1, 0, 1, 2, 3, 0]);
  assert.deepEqual([...batch.segments], [1, 1, 1, 2, 2, 1, 1, 1, 1, 0]);
  assert.deepEqual([...batch.sources.subarray(0, 5)], [0, 0, 0, 1, 1]);
  assert.equal(batch.examples, 3);
});

Deno.test("packed finds the best fit: 5 4 3 2 2 fill two rows of 8", async () => {
  const collator = await make("collator", packed);
  const { offsets, members } = collator.plan(
    Int32Array.of(2, 5, 2, 3, 4),
    limits,
  );
  const rows = [...offsets.slice(1)].map((
    end,
    r,
  ) => [...members.slice(offsets[r], end)]).sort();
  assert.deepEqual(rows, [[0, 2, 4], [1, 3]]);
});

Deno.test("packed needs no more rows than TRL's best fit, whatever the lengths", async () => {
  const collator = await make("collator", packed);
  const { sets }: {
    sets: {
      name: string;
      capacity: number;
      lengths: number[];
      trl_rows: number;
    }[];
  } = JSON.parse(
    await Deno.readTextFile(
      new URL("../../golden/packing.json", import.meta.url),
    ),
  );
  for (const { name, capacity, lengths, trl_rows } of sets) {
    const { offsets, members } = collator.plan(Int32Array.from(lengths), {
      ...limits,
      maxLength: capacity,
    });
    assert.ok(offsets.length - 1 <= trl_rows, `${name}: ${offsets.length - 1}`);
    assert.equal(new Set(members).size, lengths.length, name);
  }
});

Deno.test("packed wastes under 2% of the places on a usual mixture of lengths", async () => {
  const collator = await make("collator", packed);
  const random = randomFrom(3);
  const lengths = Int32Array.from(
    { length: 20_000 },
    () => Math.min(1024, 8 + Math.floor(Math.exp(4.5 + random.normal()))),
  );
  const { offsets } = collator.plan(lengths, { ...limits, maxLength: 1024 });
  const used = lengths.reduce((a, b) => a + b, 0) /
    ((offsets.length - 1) * 1024);
  assert.ok(used > 0.98, `${used}`);
});

Deno.test("grouping by length halves the padding", async () => {
  const random = randomFrom(4);
  const lengths = Int32Array.from(
    { length: 1000 },
    () => 1 + random.below(500),
  );
  const padding = async (group_by_length: boolean): Promise<number> => {
    const collator = await make("collator", padded, { group_by_length });
    const { members } = collator.plan(lengths, {
      ...limits,
      maxLength: 512,
      batchSize: 8,
    });
    let total = 0;
    for (let b = 0; b < members.length; b += 8) {
      const own = [...members.subarray(b, b + 8)].map((i) => lengths[i]);
      total += own.length * Math.max(...own) - own.reduce((x, y) => x + y, 0);
    }
    return total;
  };
  assert.ok(await padding(true) < 0.5 * await padding(false));
});
