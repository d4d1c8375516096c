/**
 * What a run saves is the same model in transformers: a model that transformers saved is trained at a learning rate
 * of 0, and every weight comes back with its bits.
 * @module
 */
import assert from "node:assert/strict";
import { train } from "@denotune/denotune";
import type { Architecture } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { layOut } from "../conformance/model/tiny_model.ts";
import { close, loadGolden } from "./_model_checks.ts";
import { python } from "../python.ts";

const HERE = new URL(".", import.meta.url).pathname;

/** Saves a tiny model of a type in transformers, runs it through a training run, and loads it there again. */
export async function checkSaved(
  type: string,
  architecture: Architecture,
  plugins: string[] = [],
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const isMasked = type === "eurobert";
  const load = async (path: string, ...args: string[]) =>
    JSON.parse(
      await python([
        `${HERE}witness_load.py`,
        path,
        ...(isMasked ? ["--masked"] : []),
        ...args,
      ]),
    );
  try {
    await python([
      `${HERE}make_families.py`,
      "--types",
      type,
      "--save",
      `${folder}/model`,
    ]);
    await train({
      output_dir: `${folder}/run`,
      plugins,
      backend: "reference",
      model: { path: `${folder}/model` },
      tokenizer: "byte",
      data: {
        train: [{ rows: [{ text: "abc def" }, { text: "g" }], format: "text" }],
        max_length: 32,
      },
      ...(isMasked
        ? {
          training_mode: "pretrain",
          objective: { use: "masked-diffusion", mask_token: 258 },
        }
        : {}),
      optimizer: { use: "adamw", learning_rate: 0, weight_decay: 0 },
      training: { max_steps: 2, batch_size: 2 },
      trackers: [],
    });
    const ids = [1, 5, 77, 200, 3, 3, 9, 20, 21, 22];
    const before = await load(`${folder}/model`);
    const after = await load(`${folder}/run`, "--ids", ids.join(","));
    assert.deepEqual(after.problems, []);
    assert.equal(after.model_type, type);
    assert.equal(after.digest, before.digest, "bits of the weights");
    await using device = localDevice(new ReferenceExecutor());
    const path = `${folder}/run`;
    await using model = await loadGolden(device, { path, architecture });
    const logits = await model.logits(layOut([[{ ids, labels: ids }]]));
    close(logits, after.logits.flat(), { absolute: 1e-4 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
