/**
 * The example of an objective that asks before each step: the public suite, and its run.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { train } from "@denotune/denotune";
import {
  makePart,
  testEvaluator,
  testObjective,
} from "@denotune/denotune/testing";
import plugin from "../../examples/reward_objective/letters.ts";

const EXAMPLE = fileURLToPath(
  new URL("../../examples/reward_objective", import.meta.url),
);

testObjective(
  "letters",
  () =>
    makePart(plugin, "objective", {
      answers: 3,
      reward: { use: "letter-share", letter: "c" },
    }),
);

testEvaluator("letter-share", () => makePart(plugin, "evaluator"));

Deno.test("an evaluator without rewards is refused as a reward, by name", async () => {
  await assert.rejects(
    train("examples/reward_objective/run.yaml", {
      overrides: ["objective.reward=perplexity"],
    }),
    /the evaluator "perplexity" measures a model and gives no reward for a single answer/,
  );
});

Deno.test({
  name: "an isolated reward trains the same steps as one in this process",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  fn: async () => {
    const output_dir = await Deno.makeTempDir();
    const file = `${output_dir}/share.js`;
    await Deno.writeTextFile(
      file,
      `export default { name: "share", api: 1, parts: [{ kind: "evaluator", name: "share", description: "x",
  jsonSchema: { type: "object" }, options: { "~standard": { version: 1, vendor: "x", validate: () => ({ value: {} }) } },
  create: () => ({ asks: () => ({}), score: () => ({ numbers: {} }),
    rewards: (answers) => answers.map(({ answer: { text } }) => (text.split("e").length - 1) / Math.max(1, text.length)) }) }] };`,
    );
    const weights: Uint8Array[] = [];
    try {
      for (const reward of ["letter-share", "share"]) {
        const out = `${output_dir}/${reward}`;
        await train("examples/reward_objective/run.yaml", {
          overrides: [
            "backend={use: cpu, blas: off, workers: 1}",
            `plugins=[${EXAMPLE}/letters.ts, {use: ${file}, isolated: true}]`,
            `objective.reward=${reward}`,
            `output_dir=${out}`,
            "trackers=[jsonl]",
            "data.cache=false",
            "training.max_steps=6",
          ],
        });
        weights.push(await Deno.readFile(`${out}/model.safetensors`));
      }
      assert.deepEqual(weights[1], weights[0]);
    } finally {
      await Deno.remove(output_dir, { recursive: true });
    }
  },
});

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
