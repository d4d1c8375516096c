/**
 * Memory does not grow with the rows: 5 thousand and 50 thousand JSON Lines rows, plain and gzip, shuffled
 * over the whole set, each prepared in a process of its own. `tests/bench/rows_memory.ts` has 2 million.
 *
 * Counted is what is held after a collection of garbage, not resident memory: that depends on when the
 * collector runs. Bound: 100 bytes a row. Measured 2 on the heap while rows are prepared, 10 with typed
 * arrays afterwards (offsets, order and plan; they grow in steps). A row is 120 bytes of text; its tokens take
 * 330. Tokens of rows that are not written yet are the token store's, and in its test.
 */
import assert from "node:assert/strict";
import { measureRows, type RowsHeld } from "../../bench/rows_memory.ts";

const FEW = 5000;
const MANY = 50_000;
const BYTES_A_ROW = 100;

for (const gzip of [false, true]) {
  Deno.test(`a row more takes at most 100 bytes${gzip ? ", from gzip" : ""}`, async () => {
    const held = async (rows: number): Promise<RowsHeld> => {
      // without workers: each is an isolate of its own, whatever the rows
      const measured = await measureRows(rows, {
        gzip,
        workers: 1,
        held: true,
      });
      assert.ok(measured.held !== null && measured.held.looks > 10);
      return measured.held;
    };
    const [few, many] = [await held(FEW), await held(MANY)];
    for (const what of ["heap", "prepared"] as const) {
      const each = (many[what] - few[what]) / (MANY - FEW);
      assert.ok(
        each <= BYTES_A_ROW,
        `${what}: ${each.toFixed(0)} bytes a row, ${few[what]} and ${
          many[what]
        } in all`,
      );
    }
  });
}
