/**
 * Memory does not grow with the rows: 20 thousand and 200 thousand JSON Lines rows, plain and gzip, shuffled
 * over the whole set, each prepared in a process of its own. `tests/bench/rows_memory.ts` has 2 million.
 *
 * Bound: 100 MB for 180 thousand rows more. Measured 55; some 40 bytes a row are kept by design (offsets,
 * order, plan: 7 MB here), the rest is what the collector of garbage leaves lying. Rows held as objects, or
 * their tokens in memory, would take 150 MB and more. The collector is late at times (121 was seen once on a
 * busy machine), rows that are held are held always: one of three measurements has to stay below the bound.
 */
import assert from "node:assert/strict";
import { measureRows } from "../../bench/rows_memory.ts";

const MOST_GROWTH = 100e6;

for (const gzip of [false, true]) {
  Deno.test(`ten times the rows take at most 100 MB more${gzip ? ", from gzip" : ""}`, async () => {
    // without workers: each is an isolate of its own, whatever the rows
    const options = { gzip, workers: 1 };
    const small = await measureRows(20_000, options);
    const tried: number[] = [];
    do {
      const large = await measureRows(200_000, options);
      tried.push(large.peakBytes - small.peakBytes);
    } while (tried.at(-1)! > MOST_GROWTH && tried.length < 3);
    assert.ok(
      tried.at(-1)! <= MOST_GROWTH,
      `more than ${small.peakBytes / 1e6} MB by ${
        tried.map((bytes) => bytes / 1e6).join(", ")
      } MB`,
    );
  });
}
