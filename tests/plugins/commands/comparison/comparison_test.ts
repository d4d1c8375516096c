import assert from "node:assert/strict";
import {
  holds,
  readComparison,
} from "../../../../plugins/commands/comparison/comparison.ts";

const wishes = { known: "rouge", example: "rouge<0.3", words: ["base"] };

Deno.test("a comparison has a name, a sign, and a number, a percentage or a word that is allowed", () => {
  const { name, comparison, limit, percent } = readComparison(
    " exact-match <= 12.5% ",
    wishes,
  );
  assert.deepEqual([name, comparison, limit, percent], [
    "exact-match",
    "<=",
    0.125,
    true,
  ]);
  assert.equal(readComparison("x>-1e-3", wishes).limit, -0.001);
  assert.equal(readComparison("x>base", wishes).word, "base");
  for (const wrong of ["x", "x=1", "x<", "<1", "x<tuned", "x<1 2"]) {
    assert.throws(
      () => readComparison(wrong, wishes),
      /Cannot read the condition .*'rouge<0\.3'.*Metrics: rouge/,
      wrong,
    );
  }
});

Deno.test("a comparison holds on one side of its limit, and on the limit where it says so", () => {
  const cases = [1, 2, 3].flatMap((found) =>
    ([">", ">=", "<", "<="] as const).map((sign) => holds(found, sign, 2))
  );
  const [t, f] = [true, false];
  assert.deepEqual(cases, [f, f, t, t, f, t, f, t, t, t, f, f]);
});
