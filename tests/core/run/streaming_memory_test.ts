/**
 * The memory of a streamed pass does not grow with the rows: 5 thousand and 50 thousand, each in a process
 * of its own. `tests/bench/streaming.ts` has 2 million.
 *
 * Counted is what is held after a collection of garbage (see `rows_memory_test.ts`). Bound: 100 bytes a row,
 * which is less than its text. Measured 10; batches that something holds on to take 2,000.
 */
import assert from "node:assert/strict";
import { measureStream } from "../../bench/streaming.ts";

const FEW = 5000;
const MANY = 50_000;
const BYTES_A_ROW = 100;

Deno.test("a streamed row more takes at most 100 bytes", async () => {
  const held = async (rows: number): Promise<number> => {
    // with the usual buffer of 10,000 rows, 5,000 do not fill it
    const options = { workers: 1, shuffle_buffer: 1000 };
    const { heldPeak, looks } = await measureStream(rows, options);
    assert.ok(looks > 2);
    return heldPeak;
  };
  const [few, many] = [await held(FEW), await held(MANY)];
  const each = (many - few) / (MANY - FEW);
  assert.ok(
    each <= BYTES_A_ROW,
    `${each.toFixed(0)} bytes a row, ${few} and ${many} in all`,
  );
});
