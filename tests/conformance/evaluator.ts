/**
 * What every evaluator must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { EvaluationRow, Evaluator } from "@denotune/denotune/core";

/** Rows with and without a category. */
export function exampleRows(): EvaluationRow[] {
  return [
    ["What is 1 + 1?", "2", "math"],
    ["What is 2 + 2?", "4", "math"],
    ["Capital of France?", "Paris", "Geo graphy"],
    ["Say hello.", "hello", undefined],
  ].map(([prompt, expected, category]) => ({
    example: { prompt: prompt!, completion: expected!, category },
    prompt: prompt!,
    expected: expected!,
  }));
}

/** Registers the tests of an evaluator. */
export function testEvaluator(
  name: string,
  make: () => Evaluator | Promise<Evaluator>,
): void {
  for (
    const [what, answer] of [
      ["right", (row: EvaluationRow) => row.expected],
      ["wrong", () => "?"],
      ["empty", () => ""],
    ] as const
  ) {
    Deno.test(`${name}: gives named, finite numbers when every answer is ${what}`, async () => {
      const evaluator = await make();
      const rows = exampleRows();
      const before = structuredClone(rows);
      const numbers = await evaluator.evaluate({
        rows,
        generate: (asked, { maxNewTokens }) => {
          assert.ok(Number.isInteger(maxNewTokens) && maxNewTokens > 0);
          assert.ok(asked.every((row) => rows.includes(row)));
          return Promise.resolve(asked.map(answer));
        },
      });
      assert.deepEqual(rows, before, "rows are not changed");
      assert.ok(Object.keys(numbers).length > 0);
      for (const [key, value] of Object.entries(numbers)) {
        assert.ok(Number.isFinite(value), `${key} is ${value}`);
        assert.match(key, /^[\p{L}\p{N}_]*$/u, "a name as metrics have them");
      }
    });
  }
}
