/** Losses that read the logits of the base, in whole runs: what the base is, that it is kept, and what is refused. */
import assert from "node:assert/strict";
import {
  choose,
  defineLoss,
  definePart,
  layOutTargets,
  logProbability,
  type Objective,
  type ObjectiveLoss,
  type RowStatistic,
} from "@denotune/denotune/core";
import type { RunInput } from "../../../core/config/types.ts";
import { testObjective } from "@denotune/denotune/testing";
import { z } from "zod";
import {
  runConfig,
  testFolder,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

/** KL(base || model). */
const kl: RowStatistic = (row) => {
  const [p, q] = [row.logit, row.second].map((of) => of.sub(row.max(of)));
  const ofQ = row.sum(q.exp());
  return row.sum(q.exp().mul(q.sub(p))).div(ofQ)
    .sub(ofQ.log()).add(row.sum(p.exp()).log());
};

const ofBase: RowStatistic = (row) =>
  logProbability({ ...row, logit: row.second });

const held = defineLoss({
  statistics: { logProbability, kl, ofBase },
  second: "base",
  loss: ({ statistics: { logProbability, kl, ofBase }, weights }) => ({
    loss: kl.mul(0.1).sub(logProbability).mul(weights),
    metrics: { kl: { sum: kl }, of_base: { sum: ofBase } },
  }),
});

const causal = (loss: ObjectiveLoss): Objective => ({
  attention: "causal",
  inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
  loss,
});

testObjective("a loss held near the base", () => causal(held));

const part = (objective: Objective) =>
  choose(
    definePart({
      kind: "objective",
      name: "held",
      description: "For a test: cross-entropy, held near the base",
      options: z.strictObject({}),
      create: () => objective,
    }),
    {},
  );

const objective = part(causal(held));
const training = { max_steps: 6, batch_size: 4, logging_steps: 1 };

const ADAPTERS: readonly (RunInput["adapter"])[] = [
  null,
  { use: "lora", r: 4, init_lora_weights: "pissa" },
  { use: "lora", r: 4, modules_to_save: ["embed_tokens"] },
];

for (const [index, adapter] of ADAPTERS.entries()) {
  Deno.test(`the base of a run is the model that training began with: ${JSON.stringify(adapter)}`, async () => {
    using folder = testFolder();
    await runConfig(
      tinyRun(folder.at("start"), { training: { ...training, max_steps: 2 } }),
    );
    const config = (to: string, more: Partial<RunInput> = {}) =>
      tinyRun(folder.at(to), {
        model: { path: folder.at("start") },
        tokenizer: { use: "huggingface" },
        adapter,
        objective,
        ...more,
        training: { ...training, ...more.training },
      });
    const run = await runConfig(config("run"));
    const [first] = run.of("step");
    const last = run.of("step").at(-1);
    // the two are equal before the first update, and differ afterwards
    assert.ok(
      Math.abs(first.metrics?.kl ?? NaN) < 1e-4,
      `${first.metrics?.kl}`,
    );
    assert.ok((last?.metrics?.kl ?? 0) > 1e-3, `${last?.metrics?.kl}`);
    assert.ok(
      Math.abs((first.loss ?? NaN) + (first.metrics?.of_base ?? NaN)) < 1e-3,
    );
    if (index > 1) return;
    const controller = new AbortController();
    await runConfig(config("stopped"), {
      signal: controller.signal,
      onEvent: (e) => e.event === "step" && e.step === 3 && controller.abort(),
    });
    const resumed = await runConfig(config("stopped"));
    assert.deepEqual(resumed.losses, run.losses.slice(3));
    if (adapter !== null) return;
    assert.deepEqual(
      weightBytes(folder.at("stopped")),
      weightBytes(folder.at("run")),
    );
  });
}

Deno.test("a second row that is read and not chosen, chosen and not read, or that the base does not have is refused", async () => {
  const { second: _, ...silent } = held;
  const refused = async (objective: Objective, message: RegExp) => {
    using folder = testFolder();
    await assert.rejects(
      runConfig(tinyRun(folder.path, { objective: part(objective), training })),
      message,
    );
  };
  await refused(causal(silent), /reads a second row .* add `second: "base"`/);
  await refused(
    causal(defineLoss({
      statistics: { logProbability },
      second: "base",
      loss: ({ statistics }) => ({ loss: statistics.logProbability.neg() }),
    })),
    /says `second: "base"`, and none of its statistics reads `row.second`/,
  );
  await refused({
    ...causal(held),
    head: { name: "score.weight", columns: 259, init: { kind: "zeros" } },
  }, /the base, which has no score.weight/);
});
