/**
 * The example of an evaluator: its public suite, and its run.
 */
import assert from "node:assert/strict";
import type { EvalEvent, ResultEvent } from "@denotune/denotune/core";
import { train } from "@denotune/denotune";
import { makePart, testEvaluator } from "@denotune/denotune/testing";
import plugin from "../../examples/evaluator/before_after.ts";

testEvaluator("before-after", () => makePart(plugin, "evaluator"));
testEvaluator(
  "before-after with a verdict",
  () => makePart(plugin, "evaluator", { min_share: 0.5, num_examples: 2 }),
);

Deno.test("the example run shows what the model answered before, and what it learnt", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    let result: ResultEvent | undefined;
    let evaluated: EvalEvent | undefined;
    await train("examples/evaluator/run.yaml", {
      overrides: [
        "backend={use: cpu, blas: off, workers: 1}",
        `output_dir=${output_dir}/run`,
        "trackers=[]",
        "data.cache=false",
      ],
      onEvent(event) {
        if (event.event === "result") result = event;
        if (event.event === "eval") evaluated = event;
      },
    });
    assert.equal(evaluated?.eval_before_after_right, 1);
    assert.equal(result?.verdict?.passed, true);
    assert.equal(result?.records.length, 3);
    for (const { expected, before, after } of result?.records ?? []) {
      assert.equal(after, expected);
      assert.notEqual(before, expected);
    }
    const path = `${output_dir}/run/evaluations/before-after-40.jsonl`;
    const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line)), result?.records);
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
