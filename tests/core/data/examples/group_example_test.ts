import assert from "node:assert/strict";
import { sharedLength } from "../../../../core/data/examples/group_example.ts";
import type { PreparedDataset } from "../../../../core/data/prepared/prepared_dataset.ts";
import type { Batch, GroupExample } from "@denotune/denotune/core";
import { packed, padded } from "../../../../plugins/collators/mod.ts";
import { prepare } from "../_prepare.ts";
import { bytes } from "../_support.ts";

/** A prompt, its better and its worse answer. */
function pair(
  [prompt, chosen, rejected]: readonly [string, string, string],
): GroupExample {
  return {
    sequences: [chosen, rejected].map((completion) => ({ prompt, completion })),
  };
}

function allBatches(dataset: PreparedDataset): Batch[] {
  const steps = Array.from({ length: dataset.stepsInEpoch(0) }, (_, i) => i);
  return steps.flatMap((step) => [...dataset.batches(0, step)]);
}

/** The trained text of each segment. */
function answers(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ B, T, tokens, weights, segments }) => {
    const found = new Map<string, number[]>();
    for (let at = 0; at < B * T; at++) {
      if (weights[at] === 0) continue;
      const name = `${Math.floor(at / T)}/${segments[at]}`;
      found.set(name, [...found.get(name) ?? [], tokens[at]]);
    }
    return [...found.values()].map((ids) =>
      bytes().decode(Int32Array.from(ids)).replace("<|eos|>", "")
    );
  });
}

Deno.test("each of several sequences gets what the shorter ones leave", () => {
  assert.equal(sharedLength([3, 9, 8], 14), 5);
  assert.equal(sharedLength([3, 9, 8], 20), 9);
  assert.equal(sharedLength([10, 10], 7), 3);
  assert.equal(sharedLength([1, 1, 30], 12), 10);
});

for (const collator of [padded, packed]) {
  Deno.test(`a pair comes into one row of a ${collator.name} batch, as two segments of one group`, async () => {
    using dataset = await prepare([
      [pair(["ask", "yes", "never"]), pair(["why", "so", "because"])],
    ], { collator, options: { max_length: 64 } });
    const batches = allBatches(dataset);
    let pairs = 0;
    for (const batch of batches) {
      const { B, T, segments, groups = new Int32Array(), positions } = batch;
      for (let b = 0; b < B; b++) {
        const own = new Map<number, Set<number>>();
        for (let at = b * T; at < (b + 1) * T; at++) {
          assert.equal(groups[at] === 0, segments[at] === 0);
          if (segments[at] === 0) continue;
          if (segments[at] !== segments[at - 1] || at === b * T) {
            assert.equal(positions[at], 0);
          }
          const members = own.get(groups[at]) ?? new Set();
          own.set(groups[at], members.add(segments[at]));
        }
        for (const members of own.values()) {
          pairs++;
          assert.equal(members.size, 2);
        }
      }
    }
    assert.equal(pairs, 2);
    assert.deepEqual(answers(batches).toSorted(), [
      "because",
      "never",
      "so",
      "yes",
    ]);
  });
}

Deno.test("the long sequence of a pair is cut, not the short one, where they do not fit together", async () => {
  using dataset = await prepare([[pair(["a", "xxxx", "y".repeat(90)])]], {
    options: { max_length: 40, truncation: "keep-start" },
  });
  const [batch] = allBatches(dataset);
  assert.equal(batch.realTokens, 40);
  const [chosen, rejected] = answers([batch]);
  assert.equal(chosen, "xxxx");
  assert.match(rejected, /^y{20,}$/);
});

Deno.test("a pair that is too long is dropped whole under truncation drop", async () => {
  using dataset = await prepare([
    [pair(["a", "x", "y".repeat(90)]), pair(["b", "x", "y"])],
  ], { options: { max_length: 40, truncation: "drop" } });
  assert.equal(dataset.report.truncation.rowsDropped, 1);
  assert.equal(dataset.report.examples, 1);
});

Deno.test("a pair of which one answer has no trained token left is not trained on", async () => {
  using dataset = await prepare([
    [pair(["p".repeat(30), "x", "y"]), pair(["b", "x", "y"])],
  ], { options: { max_length: 40, truncation: "keep-start" } });
  assert.equal(dataset.report.examples, 1);
  assert.equal(dataset.report.untrainedRows, 1);
});

Deno.test("the tokens of a pair are shown with the segment and position of each", async () => {
  using dataset = await prepare([[pair(["ab", "c", "de"])]]);
  const tokens = dataset.inspect(0);
  const starts = tokens.filter(({ position }) => position === 0);
  assert.deepEqual(starts.map(({ segment }) => segment), [1, 2]);
});
