/**
 * Models that are not decoded token by token: what they cannot do is refused, and their folders say what they are.
 */
import assert from "node:assert/strict";
import {
  choose,
  type Decoding,
  definePart,
  layOutTargets,
  type Objective,
} from "@denotune/denotune/core";
import { z } from "zod";
import { loadModel } from "@denotune/denotune";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";

function bothSides(decoding?: Decoding) {
  return definePart({
    kind: "objective",
    name: "both-sides",
    description: "For a test: each token at its own place",
    options: z.strictObject({}),
    create: (): Objective => ({
      attention: "bidirectional",
      inputs: (batch, key) => layOutTargets(batch, key, { shift: 0 }),
      ...(decoding === undefined ? {} : { decoding }),
    }),
  });
}

Deno.test("samples of a model that cannot write are refused before anything is computed", async () => {
  using folder = testFolder();
  await assert.rejects(
    runConfig(tinyRun(folder.path, {
      objective: choose(bothSides(), {}),
      samples: { prompts: ["hello"], at: ["end"] },
    })),
    /`samples.prompts` cannot be answered: the objective "both-sides" of plugin .* says no way to write with it; remove samples.prompts/,
  );
});

Deno.test("a model that cannot write is trained, and its folder is refused where it should", async () => {
  using folder = testFolder();
  const ran = await runConfig(tinyRun(folder.path, {
    objective: choose(bothSides(), {}),
    training: { max_steps: 1, batch_size: 2 },
  }));
  assert.equal(ran.result.status, "done");
  const saved = JSON.parse(
    Deno.readTextFileSync(folder.at("generation_config.json")),
  );
  assert.deepEqual(saved.denotune_objective, { use: "both-sides" });
  await assert.rejects(
    loadModel(folder.path, { backend: "cpu" }),
    /was trained with the objective "both-sides", which says how it writes, and no plugin here brings it/,
  );
});

Deno.test("an adapter says how its model writes, too", async () => {
  using folder = testFolder();
  await runConfig(tinyRun(folder.path, {
    objective: choose(bothSides(), {}),
    adapter: { use: "lora", r: 2 },
    training: { max_steps: 1, batch_size: 2 },
  }));
  const saved = JSON.parse(
    Deno.readTextFileSync(folder.at("generation_config.json")),
  );
  assert.deepEqual(saved.denotune_objective, { use: "both-sides" });
});

Deno.test("a model that is trained token by token has no mark", async () => {
  using folder = testFolder();
  await runConfig(tinyRun(folder.path, {
    training: { max_steps: 1, batch_size: 2 },
  }));
  const saved = JSON.parse(
    Deno.readTextFileSync(folder.at("generation_config.json")),
  );
  assert.equal("denotune_objective" in saved, false);
});
