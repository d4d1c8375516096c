/**
 * The example of an objective that asks before each step: the public suite, and its run.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import { makePart, testObjective } from "@denotune/denotune/testing";
import plugin from "../../examples/reward_objective/letters.ts";

testObjective(
  "letters",
  () => makePart(plugin, "objective", { answers: 3, letter: "c" }),
);

Deno.test("the example run writes more and more of the letter that is rewarded", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    await train("examples/reward_objective/run.yaml", {
      overrides: [
        "backend={use: cpu, blas: off, workers: 1}",
        `output_dir=${output_dir}`,
        "trackers=[jsonl]",
        "data.cache=false",
      ],
    });
    const events = Deno.readTextFileSync(`${output_dir}/metrics.jsonl`).trim()
      .split("\n").map((line) => JSON.parse(line));
    const rewards = events.filter(({ event }) => event === "step")
      .map(({ metrics }) => metrics.reward);
    assert.ok(rewards[0] < 0.1, String(rewards));
    assert.ok(rewards.at(-1) > 0.5, String(rewards));
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
