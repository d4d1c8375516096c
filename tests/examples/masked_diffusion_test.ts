/**
 * The quickstart's tasks by masked diffusion: the example's run begins to learn, and under DENOTUNE_TEST_ALL=1 it
 * learns the tasks and answers held-out rows by its own decoding, in fewer steps than an answer has tokens.
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

async function run(...overrides: string[]) {
  const output_dir = await Deno.makeTempDir();
  try {
    const { metrics } = await train("examples/masked_diffusion/run.ts", {
      overrides: [`output_dir=${output_dir}`, "trackers=[]", ...overrides],
    });
    return metrics;
  } finally {
    await Deno.remove(output_dir, { recursive: true });
  }
}

Deno.test("the example of masked diffusion begins to learn", async () => {
  const { eval_loss, eval_loss_error } = await run(
    "training.max_steps=60",
    "training.eval_steps=null",
    "training.eval_on_start=false",
    "evaluators=[]",
    "samples.prompts=[]",
  );
  // 5.6 nats at the start; below 1.6 once the letters of answers are told from their ends
  assert.ok(Number(eval_loss) < 2, String(eval_loss));
  assert.ok(Number(eval_loss_error) < 0.1, String(eval_loss_error));
});

Deno.test({
  name:
    "masked diffusion answers 80% of the quickstart's held-out rows, in five steps an answer of ten tokens",
  ignore: !ALL,
  async fn() {
    const { eval_exact_match } = await run();
    assert.ok(Number(eval_exact_match) >= 0.8, String(eval_exact_match));
  },
});
