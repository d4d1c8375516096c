import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { DistinctCounter } from "../../../../plugins/commands/analyze/count/distinct_counter.ts";
import {
  HashTable,
  hashText,
} from "../../../../plugins/commands/analyze/count/hash_table.ts";
import { Histogram } from "../../../../plugins/commands/analyze/count/histogram.ts";

Deno.test("a hash table counts, and remembers the first row", () => {
  const table = new HashTable();
  for (let i = 0; i < 20_000; i++) table.add(hashText(`text ${i % 7000}`), i);
  assert.equal(table.size, 7000);
  assert.deepEqual(table.get(hashText("text 0")), { count: 3, first: 0 });
  assert.deepEqual(table.get(hashText("text 6999")), { count: 2, first: 6999 });
  assert.equal(table.get(hashText("text 7000")), null);
  assert.equal([...table.entries()].length, 7000);
});

Deno.test("different counts are exact up to the limit, then within a few percent", () => {
  const exact = new DistinctCounter();
  for (let i = 0; i < 5000; i++) exact.add(hashText(String(i % 1234)));
  assert.deepEqual([exact.distinct, exact.total, exact.estimated], [
    1234,
    5000,
    false,
  ]);
  for (const different of [3000, 60_000]) {
    const estimate = new DistinctCounter(1000);
    for (let i = 0; i < 2 * different; i++) {
      estimate.add(hashText(`x${i % different}`));
    }
    assert.equal(estimate.estimated, true);
    // 5 standard errors of 0.8%
    assert.ok(
      Math.abs(estimate.distinct / different - 1) < 0.04,
      `${estimate.distinct} of ${different}`,
    );
  }
});

Deno.test("quantiles of a histogram are those of the sorted numbers", () => {
  const random = randomFrom(5);
  const numbers = Array.from(
    { length: 501 },
    () => Math.floor(200 * random.next() ** 3),
  );
  const histogram = new Histogram();
  for (const n of numbers) histogram.add(n);
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (q: number) => {
    const rank = q * (sorted.length - 1);
    const low = Math.floor(rank);
    const high = Math.min(sorted.length - 1, low + 1);
    return sorted[low] + (rank - low) * (sorted[high] - sorted[low]);
  };
  const d = histogram.distribution();
  assert.ok(d !== null);
  assert.equal(d.median, at(0.5));
  assert.ok(Math.abs(d.p90 - at(0.9)) < 1e-9);
  assert.ok(Math.abs(d.p99 - at(0.99)) < 1e-9);
  assert.deepEqual([d.min, d.max], [sorted[0], sorted[500]]);
  assert.equal(d.bins.reduce((sum, bin) => sum + bin.count, 0), 501);
  for (const [i, bin] of d.bins.entries()) {
    if (i > 0) assert.equal(bin.from, d.bins[i - 1].to + 1);
  }
  assert.equal(new Histogram().distribution(), null);
});

Deno.test("a histogram of one value has one bar", () => {
  const histogram = new Histogram();
  histogram.add(7);
  histogram.add(7);
  assert.deepEqual(histogram.distribution()?.bins, [{
    from: 7,
    to: 7,
    count: 2,
  }]);
});
