/**
 * The example of an objective with a loss of its own: the public suites of its parts, and its run.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import {
  testFormat,
  testHost,
  testObjective,
} from "@denotune/denotune/testing";
import { pairs } from "../../examples/pairwise_objective/pairs.ts";
import { simpo } from "../../examples/pairwise_objective/simpo.ts";

const options = { beta: 2, gamma: 0.5, entropy_bonus: 0.1 };

testObjective("simpo", () => simpo.create(options, testHost()), {
  sequences: 2,
});

testFormat("pairs", {
  make: () => pairs.create({}, testHost()),
  rows: [{
    row: { prompt: "a ", chosen: "b", rejected: "c" },
    example: {
      sequences: [{ prompt: "a ", completion: "b" }, {
        prompt: "a ",
        completion: "c",
      }],
    },
  }],
  refused: [
    { row: { prompt: "a", chosen: "b" }, message: /rejected/ },
    { row: { prompt: "a", chosen: 1, rejected: "c" }, message: /chosen/ },
  ],
});

Deno.test("the example run learns which answer is preferred", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    await train("examples/pairwise_objective/run.yaml", {
      overrides: [
        "backend={use: cpu, blas: off, workers: 1}",
        `output_dir=${output_dir}`,
        "training.epochs=5",
        "trackers=[jsonl]",
        "data.cache=false",
      ],
    });
    const events = Deno.readTextFileSync(`${output_dir}/metrics.jsonl`).trim()
      .split("\n").map((line) => JSON.parse(line));
    const steps = events.filter(({ event }) => event === "step");
    const { margin, preferred } = steps.at(-1).metrics;
    assert.equal(preferred, 1);
    assert.ok(margin > 1, String(margin));
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
