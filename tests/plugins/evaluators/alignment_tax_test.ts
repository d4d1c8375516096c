/** `alignment-tax` on trained models: one that gives the same answer to everything, and a control of equal size. */
import assert from "node:assert/strict";
import { run } from "../../core/cli/_run.ts";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../run_harness.ts";

const ANSWERS = {
  "red?": "deep blue sea",
  "slow?": "my old turtle",
  "cold?": "ice on a lake",
  "north?": "follow a star",
};

/** Questions and answers: the same one each time, or one that belongs to the question. */
function rows(sameAnswer: boolean) {
  return Object.entries(ANSWERS).map(([instruction, output]) => ({
    instruction,
    output: sameAnswer ? "I can help you" : output,
  }));
}

Deno.test("alignment-tax flags a model trained to give one answer, and not a control of equal size", async () => {
  using folder = testFolder();
  const train = (name: string, model: Record<string, unknown>, same: boolean) =>
    runConfig(tinyRun(folder.at(name), {
      backend: "reference",
      model,
      data: {
        train: [{ rows: rows(same), format: "alpaca" }],
        template: { use: "plain", separator: "\n" },
        max_length: 64,
      },
      optimizer: { use: "adamw", learning_rate: 0.02 },
      training: {
        epochs: name === "base" ? 1 : 60,
        batch_size: 4,
        save_steps: null,
        logging_steps: 20,
      },
      ...name === "base" ? {} : { tokenizer: "huggingface" },
    }));
  await train(
    "base",
    { from_config: { ...TINY_LLAMA, num_hidden_layers: 1 } },
    false,
  );
  const path = folder.at("base");
  await train("one", { path }, true);
  await train("control", { path }, false);
  const evaluate = (name: string) =>
    run(
      "evaluate",
      folder.at(name),
      ...["--compare", path, "--backend", "reference", "--json", "-e"],
      "{use: alignment-tax, n: 2, max_new_tokens: 16, prompts: [red?, slow?, cold?, north?]}",
    );
  const one = await evaluate("one");
  assert.equal(one.code, 1, one.err);
  assert.match(one.err, /failed alignment-tax of .*the model has collapsed/);
  assert.match(one.out, /"alignment_tax_collapsed": 1/);
  const control = await evaluate("control");
  assert.equal(control.code, 0, control.err);
  assert.match(control.out, /"alignment_tax_collapsed": 0/);
});
