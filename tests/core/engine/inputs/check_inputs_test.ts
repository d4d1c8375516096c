import assert from "node:assert/strict";
import { defineLoss, logProbability } from "@denotune/denotune/core";
import type { Inputs } from "../../../../core/contracts/objective.ts";
import {
  checkInputs,
  type InputChecks,
} from "../../../../core/engine/inputs/check_inputs.ts";
import { layOutLines } from "../../../golden/_lines.ts";

const checks: InputChecks = {
  described: 'objective "mine" of plugin "ours"',
  columns: 20,
  vocabSize: 20,
  sources: 1,
  loss: null,
};
const row = (ids: number[]) => ({ ids, labels: ids });
const good: Inputs = layOutLines([[row([1, 2, 3])], [row([4, 5, 6])]]);

function refused(
  wrong: Partial<Inputs>,
  message: RegExp,
  more: Partial<InputChecks> = {},
): void {
  assert.throws(
    () => checkInputs({ ...good, ...wrong }, { ...checks, ...more }),
    (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /objective "mine" of plugin "ours"/);
      assert.match(error.message, message);
      return true;
    },
  );
}

Deno.test("inputs that fit together are taken, and those of a batch without a trained token", () => {
  checkInputs(good, checks);
  const none = layOutLines([[{ ids: [1, 2], labels: [-100, -100] }]]);
  checkInputs(none, checks);
});

Deno.test("a target beyond the vocabulary is refused with its row", () => {
  refused(
    { targets: Int32Array.of(2, 20, 5, 6) },
    /the target 20 for supervised row 1 \(token 1 of row 0\); there are 20 columns/,
  );
  refused({ targets: Int32Array.of(2, 3, 5, -1) }, /the target -1/);
});

Deno.test("a token beyond the vocabulary is refused with its place", () => {
  refused(
    { tokens: Int32Array.of(1, 2, 3, 4, 25, 6) },
    /the token 25 at place 1 of row 1; the model has 20 tokens/,
  );
});

Deno.test("arrays of unequal lengths are refused", () => {
  refused({ weights: new Float32Array(3) }, /3 weights for 4 supervised rows/);
  refused({ positions: new Int32Array(5) }, /5 positions for 2 rows of 3 tok/);
});

Deno.test("rows out of order, out of the batch or named twice are refused", () => {
  refused(
    { rows: Int32Array.of(0, 0, 3, 4) },
    /the index 0 for supervised row 1/,
  );
  refused({ rows: Int32Array.of(0, 1, 3, 6) }, /the index 6 .* below 6/);
});

Deno.test("a divisor of 0, below 0 or not a number is refused", () => {
  for (const divisor of [0, -1, NaN, Infinity]) {
    refused({ divisor }, /the divisor .* for 4 supervised rows/);
  }
});

Deno.test("weights that are not numbers and unknown sources are refused", () => {
  refused(
    { weights: Float32Array.of(1, NaN, 1, 1) },
    /the weight NaN for supervi/,
  );
  refused(
    { sources: Int32Array.of(0, 0, 1, 0) },
    /the source 1 for supervised row 2/,
  );
});

Deno.test("inputs of a loss's own must be those that it names, one for each of what they are per", () => {
  const loss = defineLoss({
    statistics: { logProbability },
    inputs: { reference: { per: "sequence" } },
    loss: ({ statistics, inputs }) => ({
      loss: statistics.logProbability.sum("sequence").sub(inputs.reference),
    }),
  });
  const more = { loss };
  checkInputs({ ...good, own: { reference: new Float32Array(2) } }, {
    ...checks,
    loss,
  });
  refused({}, /no input `reference`, which its loss names/, more);
  refused(
    { own: { reference: new Float32Array(3) } },
    /3 numbers as `reference`, which is per sequence: 2 are read/,
    more,
  );
  refused(
    { own: { reference: new Float32Array(2), refrence: new Float32Array(2) } },
    /an input `refrence`, which its loss does not name; it names reference/,
    more,
  );
});
