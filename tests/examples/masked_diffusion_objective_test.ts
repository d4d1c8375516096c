/**
 * The example of an objective that decodes in its own way: its public suite, its run, and what a saved folder says.
 */
import assert from "node:assert/strict";
import { loadModel, train } from "@denotune/denotune";
import { testHost, testObjective } from "@denotune/denotune/testing";
import { maskedDiffusion } from "../../examples/masked_diffusion_objective/masked_diffusion.ts";

const PLUGIN = new URL(
  "../../examples/masked_diffusion_objective/masked_diffusion.ts",
  import.meta.url,
).pathname;
const CPU = { use: "cpu", blas: "off", workers: 2 };

testObjective(
  "tiny-masked-diffusion",
  () =>
    maskedDiffusion.create(
      { mask_token: 22, steps: 3, answer_length: 5 },
      testHost(),
    ),
  { random: true },
);

Deno.test("the example run learns held-out rows and writes them by unmasking; its folder says how it writes", async () => {
  const output_dir = await Deno.makeTempDir();
  try {
    const { metrics } = await train(
      "examples/masked_diffusion_objective/run.yaml",
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
      /trained with the objective "tiny-masked-diffusion", which says how it writes, and no plugin here brings it/,
    );
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
});
