/**
 * The memory of a streamed pass does not grow with the rows: 20 thousand and 200 thousand, each in a process
 * of its own. `tests/bench/streaming.ts` has 2 million.
 *
 * Bound: 150 MB for 180 thousand rows more. Measured 60, which is what the collector of garbage leaves lying;
 * batches that something holds on to take 400. The collector is late at times: one of three measurements has
 * to stay below the bound.
 */
import assert from "node:assert/strict";
import { measureStream } from "../../bench/streaming.ts";

const MOST_GROWTH = 150e6;

Deno.test("ten times the streamed rows take at most 150 MB more", async () => {
  const small = await measureStream(20_000, { workers: 1 });
  const tried: number[] = [];
  do {
    const large = await measureStream(200_000, { workers: 1 });
    tried.push(large - small);
  } while (tried.at(-1)! > MOST_GROWTH && tried.length < 3);
  assert.ok(tried.at(-1)! <= MOST_GROWTH, `${tried} more than ${small}`);
});
