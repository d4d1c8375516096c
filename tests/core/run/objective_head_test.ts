/** Heads of an objective's own in a run: begun where the model's files have none, trained, saved and read again. */
import assert from "node:assert/strict";
import {
  choose,
  definePart,
  layOutTargets,
  type Objective,
} from "@denotune/denotune/core";
import { z } from "zod";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";

const parity = definePart({
  kind: "objective",
  name: "parity",
  description: "For a test: whether the token before was even",
  options: z.strictObject({}),
  create: (): Objective => ({
    attention: "causal",
    head: {
      name: "score.weight",
      columns: 2,
      init: { kind: "normal", std: 0.02 },
    },
    inputs: (batch, key) => {
      const inputs = layOutTargets(batch, key, { shift: 0 });
      return { ...inputs, targets: inputs.targets.map((id) => id % 2) };
    },
  }),
});

const tensorsOf = (path: string) => {
  using file = new SafetensorsFile(path);
  return [...file.tensors.keys()];
};

Deno.test("a head of two columns is trained on a model whose files have none, and on one whose files have it", async () => {
  using folder = testFolder();
  const training = { max_steps: 30, batch_size: 4, logging_steps: 10 };
  await runConfig(
    tinyRun(folder.at("base"), { training: { ...training, max_steps: 1 } }),
  );
  const run = (from: string, to: string) =>
    runConfig(tinyRun(folder.at(to), {
      model: { path: folder.at(from) },
      tokenizer: { use: "huggingface" },
      objective: choose(parity, {}),
      training,
    }));
  const first = await run("base", "first");
  const saved = tensorsOf(folder.at("first/model.safetensors"));
  assert.ok(saved.includes("score.weight"));
  assert.ok(first.losses[0] > 0.3, String(first.losses));
  assert.ok(first.losses[2] < 0.2, String(first.losses));
  const second = await run("first", "second");
  assert.ok(second.losses[0] < first.losses[0] / 2, String(second.losses));
});

Deno.test("an adapter that does not train the head is refused", async () => {
  using folder = testFolder();
  await assert.rejects(
    runConfig(tinyRun(folder.path, {
      objective: choose(parity, {}),
      adapter: { use: "lora", r: 2 },
    })),
    /The adapter does not train score.weight, the head of the objective "parity"/,
  );
});
