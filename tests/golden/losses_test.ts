/**
 * Losses of an objective's own against torch in float64 (`make_losses.py`): SimPO with entropy, ORPO and DPO on two
 * tiny Llamas, and random expressions over the levels.
 *
 * Tolerances: losses 1e-5 and gradients 1e-4, of the largest of a tensor. The reference computes in double precision
 * and stores float32; cpu computes in float32. Random expressions, which may divide and exponentiate, get 1e-4 and
 * 1e-3: what is left out of them says the script.
 */
import assert from "node:assert/strict";
import {
  defineLoss,
  entropy,
  input as kernelInput,
  type LevelValue,
  logProbability,
  logsumexp,
  type LossValues,
  meanLogProbability,
  type ObjectiveLoss,
  type RowStatistic,
} from "@denotune/denotune/core";
import type { Inputs } from "../../core/contracts/objective.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { levelInputs } from "../../core/engine/inputs/level_inputs.ts";
import {
  buildLoss,
  inventoryOfLoss,
} from "../../core/engine/objective_loss.ts";
import { Graph } from "../../core/graph/graph.ts";
import { dim } from "../../core/graph/dims.ts";
import { sum } from "../../core/graph/ops/sums.ts";
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import { llamaArchitecture } from "../conformance/model/architectures.ts";
import { gradientRule } from "../conformance/objective/gradient_rule.ts";
import { openSession } from "../graph_harness.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { hashed } from "./_hashed.ts";
import {
  checkStep,
  close,
  type GoldenLoss,
  type GoldenPairs,
  layOutPairs,
} from "./_losses.ts";
import { python } from "../python.ts";

const GOLDEN = new URL(".", import.meta.url).pathname;

interface Golden extends GoldenPairs {
  readonly beta: number;
  readonly gamma: number;
  readonly bonus: number;
  readonly reference: readonly (readonly number[])[];
  readonly models: {
    readonly [model: string]: { readonly [loss: string]: GoldenLoss };
  };
  readonly expressions: readonly ExpressionCase[];
}

interface ExpressionCase {
  readonly key: number;
  readonly cap: boolean;
  readonly tree: Tree;
  readonly loss: number;
  readonly hidden: readonly number[];
  readonly weight: readonly number[];
  readonly bias: readonly number[];
}

type Tree = readonly (string | number | Tree)[];

const golden: Golden = JSON.parse(
  Deno.readTextFileSync(`${GOLDEN}losses.json`),
);

const { beta, gamma, bonus } = golden;

/** The mean over each sequence of a number of its rows. */
function mean({ weights }: LossValues, of: LevelValue): LevelValue {
  return of.mul(weights).sum("sequence").div(weights.sum("sequence"));
}

const LOSSES: { readonly [name: string]: ObjectiveLoss } = {
  simpo: defineLoss({
    statistics: { logProbability, entropy },
    loss(values) {
      const { logProbability, entropy } = values.statistics;
      const score = mean(values, logProbability.add(entropy.mul(bonus)));
      const margin = score.member(0).sub(score.member(1));
      return { loss: margin.mul(beta).sub(gamma).logSigmoid().neg() };
    },
  }),
  orpo: defineLoss({
    statistics: { logProbability },
    loss(values) {
      const score = mean(values, values.statistics.logProbability);
      const [chosen, rejected] = [score.member(0), score.member(1)];
      const rest = (p: LevelValue) => p.exp().neg().add(1).log();
      const odds = chosen.sub(rejected).sub(rest(chosen)).add(rest(rejected));
      return {
        loss: chosen.neg().sub(odds.logSigmoid().mul(beta)),
        metrics: { odds: { sum: odds } },
      };
    },
  }),
  dpo: defineLoss({
    statistics: { logProbability },
    inputs: { reference: { per: "sequence" } },
    loss({ statistics, weights, inputs }) {
      const score = statistics.logProbability.mul(weights).sum("sequence")
        .sub(inputs.reference);
      const margin = score.member(0).sub(score.member(1));
      return { loss: margin.mul(beta).logSigmoid().neg() };
    },
  }),
};

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** Kernels are compiled for each case: cpu takes the packed ones, and webgpu one, where not all are asked for. */
function isTried(
  backend: string,
  { model, name, packed }: { model: string; name: string; packed: boolean },
): boolean {
  if (ALL || backend === "reference") return true;
  if (backend === "cpu") return packed;
  return packed && name === "simpo" && model === "llama-gqa-untied";
}

for (const backend of BACKENDS) {
  for (const [model, wantedOf] of Object.entries(golden.models)) {
    Deno.test(`pairwise losses of ${model} on ${backend.name} have torch's values and gradients`, async (t) => {
      for (const [name, wanted] of Object.entries(wantedOf)) {
        for (const packed of [false, true]) {
          if (!isTried(backend.name, { model, name, packed })) continue;
          await t.step(`${name}, ${packed ? "packed" : "padded"}`, async () => {
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
                checkpointing: false,
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
            const inputs = {
              ...layOutPairs(golden.pairs, packed),
              ...(name === "dpo"
                ? {
                  own: {
                    reference: Float32Array.from(golden.reference.flat()),
                  },
                }
                : {}),
            };
            engine.micro(inputs, inputs.divisor);
            await checkStep(engine, wanted);
          });
        }
      }
    });
  }
}

// --- random expressions

const [ROWS, HIDDEN, COLUMNS] = [11, 6, 9];
const SEQUENCE = [0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4];
const GROUP = [0, 0, 1, 1, 1];

/** Sum of squared probabilities. */
const collision: RowStatistic = (row) => {
  const shifted = row.logit.sub(row.max(row.logit));
  const total = row.sum(shifted.exp());
  return row.sum(shifted.mul(2).exp()).div(total.mul(total));
};

/** Kullback-Leibler divergence from the second row. */
const divergence: RowStatistic = (row) => {
  const q = row.second.sub(row.max(row.second));
  const p = row.logit.sub(row.max(row.logit));
  const ofQ = row.sum(q.exp());
  const between = row.sum(q.exp().mul(q.sub(p))).div(ofQ);
  return between.sub(ofQ.log()).add(row.sum(p.exp()).log());
};

const statistics = {
  logProbability,
  logsumexp,
  meanLogProbability,
  entropy,
  collision,
  divergence,
};

const own = {
  own_row: { per: "row" },
  own_sequence: { per: "sequence" },
  own_group: { per: "group" },
  own_window: { per: "window" },
} as const;

function build(tree: Tree, values: LossValues): LevelValue | number {
  const [name, ...rest] = tree;
  const at = (i: number): LevelValue | number => {
    const operand = rest[i];
    if (typeof operand !== "object") throw new RangeError(`${name} ${i}`);
    return build(operand, values);
  };
  // a number of the window stands for the numbers that the trees have
  const value = (i: number): LevelValue => {
    const found = at(i);
    return typeof found === "number"
      ? values.inputs.own_window.mul(0).add(found)
      : found;
  };
  switch (name) {
    case "number":
      return Number(rest[0]);
    case "leaf": {
      const leaf = String(rest[0]);
      return leaf === "weights"
        ? values.weights
        : values.statistics[leaf] ?? values.inputs[leaf];
    }
    case "sum":
      if (rest[0] !== "group" && rest[0] !== "sequence") break;
      return value(1).sum(rest[0]);
    case "member":
      return value(1).member(Number(rest[0]));
    case "detach":
      return value(0).detach();
    case "square":
      return value(0).mul(value(0));
    case "select":
      return value(0).lt(at(1)).select(at(2), at(3));
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "min":
    case "max":
      return value(0)[name](at(1));
    case "neg":
    case "abs":
    case "tanh":
    case "sigmoid":
    case "logSigmoid":
    case "exp":
    case "log":
    case "sqrt":
    case "reciprocal":
      return value(0)[name]();
  }
  throw new RangeError(`There is no ${JSON.stringify(tree)}`);
}

async function checkExpression(given: ExpressionCase): Promise<void> {
  const { key, cap, tree } = given;
  const loss: ObjectiveLoss = {
    statistics,
    second: "base",
    inputs: own,
    loss(values) {
      const total = build(tree, values);
      if (typeof total === "number") throw new RangeError("a constant");
      return { loss: total };
    },
  };
  const graph = new Graph();
  const R = dim("R");
  const of = (name: string, shape: number[]) => graph.variable(name, shape);
  const targets = graph.input("targets", [R], "i32");
  const shape = { hidden: [ROWS, HIDDEN], weight: [COLUMNS, HIDDEN] };
  const rowsOf = (name: string) => ({
    ...of(name, shape.hidden),
    shape: [R, HIDDEN],
  });
  const slots = {
    weight: of("dWeight", shape.weight),
    bias: of("dBias", [COLUMNS]),
  };
  const made = buildLoss(graph, {
    loss,
    operands: {
      hidden: rowsOf("hidden"),
      weight: of("weight", shape.weight),
      bias: of("bias", [COLUMNS]),
      logits: cap ? (x) => x.mul(1 / 3).tanh().mul(3) : null,
      targets,
      second: {
        hidden: rowsOf("second"),
        weight: of("secondWeight", shape.weight),
        bias: null,
      },
    },
    train: { dHidden: true, slots, scale: graph.input("loss_scale", [1]) },
  });
  const total = sum(graph, made.loss.tensor(), kernelInput(0));
  assert.ok(made.back?.dHidden && made.back.dWeight && made.back.dBias);
  graph.output("loss", total);
  graph.output("hidden", made.back.dHidden);
  graph.output("weight", made.back.dWeight);
  graph.output("bias", made.back.dBias);
  const inputs: Inputs = {
    B: 1,
    T: ROWS,
    tokens: new Int32Array(ROWS),
    positions: new Int32Array(ROWS),
    segments: Int32Array.from(SEQUENCE, (s) => s + 1),
    groups: Int32Array.from(SEQUENCE, (s) => GROUP[s] + 1),
    rows: Int32Array.from(SEQUENCE.keys()),
    targets: Int32Array.from(
      hashed(key + 6, ROWS),
      (v) => Math.floor((v + 1) / 2 * COLUMNS),
    ),
    weights: hashed(key + 7, ROWS).map((v) => v + 1.5),
    sources: new Int32Array(ROWS),
    divisor: 1,
    rowKeys: new Int32Array(ROWS),
    own: {
      own_row: hashed(key + 8, ROWS),
      own_sequence: hashed(key + 9, GROUP.length),
      own_group: hashed(key + 10, 2),
      own_window: hashed(key + 11, 1),
    },
  };
  const { data, extents } = levelInputs(inputs, inventoryOfLoss(loss));
  const given32 = (offset: number, factor: number, sizes: number[]) => ({
    shape: sizes,
    data: hashed(key + offset, sizes[0] * sizes[1]).map((v) => factor * v),
  });
  const all = {
    ...data,
    targets: inputs.targets,
    loss_weights: inputs.weights,
    loss_scale: Float32Array.of(1),
  };
  const capacities = { ...extents, R: ROWS };
  await using session = await openSession(
    [{ name: "loss", graph, capacities }],
    {
      hidden: given32(1, 1, shape.hidden),
      weight: given32(2, 2, shape.weight),
      bias: { shape: [COLUMNS], data: hashed(key + 3, COLUMNS) },
      second: given32(4, 1, shape.hidden),
      secondWeight: given32(5, 2, shape.weight),
      dWeight: { shape: shape.weight },
      dBias: { shape: [COLUMNS] },
    },
  );
  session.run(
    "loss",
    capacities,
    Object.fromEntries(
      Object.entries(all).filter(([name]) => graph.inputs.has(name)),
    ),
  );
  const found = (name: string) => session.output("loss", name, capacities);
  close(await found("loss"), [given.loss], { tolerance: 1e-4, what: "loss" });
  for (const name of ["hidden", "weight", "bias"] as const) {
    close(await found(name), given[name], { tolerance: 1e-3, what: name });
  }
}

async function checkExpressions(
  cases: readonly ExpressionCase[],
): Promise<void> {
  for (const given of cases) {
    try {
      await checkExpression(given);
    } catch (error) {
      throw new Error(`key ${given.key}, ${JSON.stringify(given.tree)}`, {
        cause: error,
      });
    }
  }
}

Deno.test("random losses have torch's values and gradients", async () => {
  await checkExpressions(golden.expressions);
});

Deno.test({
  name: "hundreds of random losses have torch's values and gradients",
  ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
  async fn() {
    const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    const printed = await python([
      `${GOLDEN}make_losses.py`,
      "--random",
      "400",
      "--seed",
      seed,
    ]);
    await checkExpressions(JSON.parse(printed));
  },
});
