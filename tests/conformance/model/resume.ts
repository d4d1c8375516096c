/**
 * Invariant 7 for a model: a run that stops after a checkpoint and is resumed ends with the bits of a whole run.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  API_VERSION,
  type Architecture,
  BUILT_IN,
  definePart,
  Registry,
} from "@denotune/denotune/core";
import { z } from "zod";
import { loadRun } from "../../../core/config/load.ts";
import { trainRun } from "../../../core/run/run.ts";
import { builtIn } from "../../../plugins/library.ts";
import { builtin } from "../../../plugins/mod.ts";

/** Four steps at once, and two with two more from their checkpoint; the model has the byte tokenizer's vocabulary. */
export async function checkResume(
  architecture: Architecture,
  config: { readonly [key: string]: unknown },
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const spec = architecture.describe({ ...config, vocab_size: 259 });
  const isMasked = spec.attention === "bidirectional";
  const run = async (name: string, training: Record<string, unknown>) => {
    const output = join(folder, name);
    const object = {
      output_dir: output,
      seed: 7,
      backend: "reference",
      model: { from_config: { ...config, vocab_size: 259 } },
      tokenizer: "byte",
      data: {
        train: [{
          rows: ["abc def", "g", "hij klmn o", "pq", "rs tuv", "w xyz"]
            .map((text) => ({ text })),
          format: "text",
        }],
        max_length: 16,
      },
      ...(isMasked
        ? {
          training_mode: "pretrain",
          objective: { use: "masked-diffusion", mask_token: 258 },
        }
        : {}),
      optimizer: { use: "adamw", learning_rate: 1e-2 },
      schedule: "constant",
      training: { max_steps: 4, batch_size: 2, eval_steps: null, ...training },
      trackers: [],
    };
    await trainRun(
      await loadRun({ object, registry: registryWith(architecture) }),
      {},
    );
    return Deno.readFileSync(join(output, "model.safetensors"));
  };
  try {
    const whole = await run("whole", { save_steps: 2 });
    const resumed = await run("resumed", {
      save_steps: null,
      resume: join(folder, "whole", "checkpoint-2"),
    });
    assert.deepEqual(resumed, whole, "weights after a resumed run");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The built-in parts, and the architecture behind them: a built-in model is found before it. */
function registryWith(architecture: Architecture): Registry {
  const registry = new Registry();
  registry.add(builtin, BUILT_IN, builtIn.module);
  const part = definePart({
    kind: "model",
    name: "model-under-test",
    description: "The model that the suite tests",
    options: z.strictObject({}),
    create: () => architecture,
  });
  registry.add(
    { name: "model-under-test", api: API_VERSION, parts: [part] },
    "model-under-test",
  );
  return registry;
}
