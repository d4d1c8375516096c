/**
 * The example of an objective that decodes in its own way: its public suite, its run, and what a saved folder says.
 */
import assert from "node:assert/strict";
import { loadModel, train } from "@denotune/denotune";
import {
  testHost,
  testObjective,
  tokenizerFacts,
} from "@denotune/denotune/testing";
import { denoising } from "../../examples/denoising_objective/denoising.ts";

const PLUGIN = new URL(
  "../../examples/denoising_objective/denoising.ts",
  import.meta.url,
).pathname;
const host = testHost({ tokenizer: tokenizerFacts({ vocabSize: 23 }) });
const CPU = { use: "cpu", blas: "off", workers: 2 };

testObjective(
  "tiny-denoising",
  () => denoising.create({ steps: 3, answer_length: 5 }, host),
  { random: true },
);

Deno.test("the example run learns held-out rows and writes them by correcting; its folder says how it writes", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    const { metrics } = await train(
      "examples/denoising_objective/run.yaml",
      {
        overrides: [
          "backend={use: cpu, blas: off, workers: 2}",
          `output_dir=${output_dir}`,
          "trackers=[]",
          "data.cache=false",
          "training.epochs=25",
        ],
      },
    );
    assert.ok(
      Number(metrics.eval_exact_match) >= 0.8,
      String(metrics.eval_exact_match),
    );
    {
      await using model = await loadModel(output_dir, {
        backend: CPU,
        plugins: [PLUGIN],
      });
      const { text, finish } = await model.generate("bead>", {
        maxNewTokens: 5,
      });
      assert.equal(text, "BEAD");
      assert.equal(finish, "stop");
      const few = await model.generate("bead>", { maxNewTokens: 2 });
      assert.equal(few.text.length, 2);
      await assert.rejects(
        model.generate("bead>", { repetitionPenalty: 1.2 }),
        /decodes in its own way, which knows no repetition penalty/,
      );
    }
    await assert.rejects(
      loadModel(output_dir, { backend: CPU }),
      /trained with the objective "tiny-denoising", which says how it writes, and no plugin here brings it/,
    );
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
