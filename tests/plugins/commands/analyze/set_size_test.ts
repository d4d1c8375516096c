import assert from "node:assert/strict";
import {
  describeSize,
  sizeOf,
} from "../../../../plugins/commands/analyze/set_size.ts";

Deno.test("sets are judged by their different rows: 1,000 to 10,000 is the size for high quality", () => {
  const judged = (rows: number, duplicates = 0) =>
    sizeOf(rows, duplicates).judgement;
  assert.equal(judged(0), "too few");
  assert.equal(judged(99), "too few");
  assert.equal(judged(100), "few");
  assert.equal(judged(999), "few");
  assert.equal(judged(1000), "good");
  assert.equal(judged(10_000), "good");
  assert.equal(judged(10_001), "medium");
  assert.equal(judged(50_000), "medium");
  assert.equal(judged(100_000), "medium");
  assert.equal(judged(100_001), "large");
  assert.equal(judged(1_000_000), "very large");
  assert.equal(judged(5000, 4500), "few");
  assert.match(
    describeSize(sizeOf(1500, 500)),
    /^1,000 different rows, good: the usual size for rows of high quality/,
  );
});
