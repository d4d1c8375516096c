/**
 * The example of a tracker: its public suite, and its run.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import { makePart, testTracker } from "@denotune/denotune/testing";
import plugin from "../../examples/tracker/markdown.ts";

testTracker("markdown", () => makePart(plugin, "tracker"));

Deno.test("the example run has its story in its folder", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    await train("examples/tracker/run.yaml", {
      overrides: [
        "backend={use: cpu, blas: off, workers: 1}",
        `output_dir=${output_dir}/run`,
        "trackers=[{use: markdown, file: RUN.md}]",
        "data.cache=false",
      ],
    });
    const story = Deno.readTextFileSync(`${output_dir}/run/RUN.md`);
    assert.match(story, /^# llama from random weights\n\n/);
    assert.match(story, /\n- epoch 3: loss \d/);
    assert.match(story, /\n\ndone\.\n$/);
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
