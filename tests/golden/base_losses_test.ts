/**
 * Losses that read the logits of the base beside those of the model that is trained, against torch in float64
 * (`make_losses.py`): distillation (forward KL and cross-entropy), a penalty of reverse KL, and DPO, whose reference is
 * a statistic of the second row.
 *
 * Tolerances: losses 1e-5 and gradients 1e-4 of their norm. The reference computes in double precision and stores
 * float32; cpu and webgpu compute in float32.
 */
import {
  defineLoss,
  logProbability,
  type ObjectiveLoss,
  type RowStatistic,
} from "@denotune/denotune/core";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import { llamaArchitecture } from "../conformance/model/architectures.ts";
import { gradientRule } from "../conformance/objective/gradient_rule.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { hashed } from "./_hashed.ts";
import {
  checkStep,
  type GoldenLoss,
  type GoldenPairs,
  layOutPairs,
} from "./_losses.ts";

const GOLDEN = new URL(".", import.meta.url).pathname;

interface Golden extends GoldenPairs {
  readonly beside_base: {
    readonly [model: string]: { readonly [loss: string]: GoldenLoss };
  };
}

const golden: Golden = JSON.parse(
  Deno.readTextFileSync(`${GOLDEN}losses.json`),
);

/** KL(base || model): sum q (log q - log p). */
const forwardKl: RowStatistic = (row) => {
  const [p, q] = [row.logit, row.second].map((of) => of.sub(row.max(of)));
  const ofQ = row.sum(q.exp());
  return row.sum(q.exp().mul(q.sub(p))).div(ofQ)
    .sub(ofQ.log()).add(row.sum(p.exp()).log());
};

/** KL(model || base): sum p (log p - log q). */
const reverseKl: RowStatistic = (row) =>
  forwardKl({ ...row, logit: row.second, second: row.logit });

/** Log-probability of the target under the base. */
const ofBase: RowStatistic = (row) =>
  logProbability({ ...row, logit: row.second });

const LOSSES: { readonly [name: string]: ObjectiveLoss } = {
  distillation: defineLoss({
    statistics: { forwardKl, logProbability },
    second: "base",
    loss: ({ statistics: { forwardKl, logProbability }, weights }) => ({
      loss: forwardKl.sub(logProbability).mul(0.5).mul(weights),
      metrics: { kl: { sum: forwardKl } },
    }),
  }),
  kl_to_base: defineLoss({
    statistics: { reverseKl, logProbability },
    second: "base",
    loss: ({ statistics: { reverseKl, logProbability }, weights }) => ({
      loss: reverseKl.mul(0.25).sub(logProbability).mul(weights),
    }),
  }),
  dpo: defineLoss({
    statistics: { logProbability, ofBase },
    second: "base",
    loss({ statistics, weights }) {
      const score = statistics.logProbability.sub(statistics.ofBase)
        .mul(weights).sum("sequence");
      const margin = score.member(0).sub(score.member(1));
      return { loss: margin.mul(0.1).logSigmoid().neg() };
    },
  }),
};

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** Moves the weights away from the base, which keeps those of the files: `moved` of make_losses.py. */
async function moveWeights(engine: Engine): Promise<void> {
  const names = engine.planned.inventory.weights.map(({ name }) => name);
  for (const [k, name] of names.sort().entries()) {
    const values = await engine.readTrained(name);
    const noise = hashed(1000 + k, values.length);
    engine.writeTrained(name, values.map((v, i) => v + 0.1 * noise[i]));
  }
}

for (const backend of BACKENDS) {
  for (const [model, wantedOf] of Object.entries(golden.beside_base)) {
    Deno.test(`losses of ${model} beside its base on ${backend.name} have torch's values and gradients`, async (t) => {
      for (const [name, wanted] of Object.entries(wantedOf)) {
        // kernels are compiled for each case: cpu and webgpu try one where not all are asked for
        const isTried = ALL || backend.name === "reference" ||
          (model === "llama-gqa-untied" && name === "distillation");
        if (!isTried) continue;
        await t.step(name, async () => {
          await using device = await openBackend(backend);
          using folder = openModelFolder(`${GOLDEN}models/${model}`);
          const spec = llamaArchitecture.describe(folder.config);
          const planned = planEngine({
            spec,
            adapter: null,
            frozenDtype: "f32",
            causal: true,
            loss: LOSSES[name],
            train: {
              B: 3,
              T: 64,
              optimizer: gradientRule,
              maxGradNorm: null,
              checkpointing: name === "kl_to_base",
            },
            evaluate: null,
            generate: null,
            sources: 1,
          }, device.info);
          await using engine = await Engine.open(planned, device);
          await loadWeights(folder, {
            spec,
            weights: planned.inventory.weights,
          }, {
            dtypeOf: () => "f32",
            sink: ({ name, data }) => engine.session.write(name, data),
          });
          await engine.startBase();
          await moveWeights(engine);
          const windows = [
            [layOutPairs(golden.pairs, false)],
            [layOutPairs(golden.pairs, true)],
            golden.pairs.map((pair) => layOutPairs([pair], false)),
          ];
          for (const micro of windows) {
            const rows = micro.reduce((n, { rows }) => n + rows.length, 0);
            const divisor = name === "dpo" ? golden.pairs.length : rows;
            for (const inputs of micro) engine.micro(inputs, divisor);
            await checkStep(engine, wanted);
          }
        });
      }
    });
  }
}
