import assert from "node:assert/strict";
import { Graph } from "../../../../core/mod.ts";
import { linearCrossEntropy } from "../../../../core/graph/ops/linear_cross_entropy.ts";
import {
  assertNear,
  normalVariable,
  openSession,
  runGraph,
  type Variables,
} from "../../../graph_harness.ts";

const [R, C, V] = [7, 4, 9];
const given: Variables = {
  hidden: normalVariable([R, C], 81),
  head: normalVariable([V, C], 82),
  slot: normalVariable([V, C], 83),
};
const targets = Int32Array.of(0, 8, 3, 3, 1, 7, 2);
const weights = Float32Array.of(1, 0.5, 0, 1, 2, 1, 1);
const inputs = { targets, weights, scale: Float32Array.of(0.25) };

function lossGraph(
  train: { dHidden: boolean; dWeight: boolean } | null,
  chunkRows: number,
): Graph {
  const graph = new Graph();
  const loss = linearCrossEntropy(
    graph,
    {
      hidden: graph.variable("hidden", [R, C]),
      weight: graph.variable("head", [V, C]),
      targets: graph.input("targets", [R], "i32"),
      weights: graph.input("weights", [R]),
      scale: graph.input("scale", [1]),
    },
    train === null ? null : {
      dHidden: train.dHidden,
      dWeightSlot: train.dWeight ? graph.variable("slot", [V, C]) : null,
    },
    { chunkElements: chunkRows * V },
  );
  graph.output("losses", loss.losses);
  graph.output("correct", loss.correct);
  if (loss.dWeight !== null) graph.output("dWeight", loss.dWeight);
  for (const seed of loss.seeds) graph.output("dHidden", seed.gradient);
  return graph;
}

/** Softmax by hand. */
function expected() {
  const [h, w, slot] = ["hidden", "head", "slot"].map((n) =>
    given[n].data as Float32Array
  );
  const losses: number[] = [];
  const correct: number[] = [];
  const dHidden = new Float64Array(R * C);
  const dWeight = Float64Array.from(slot);
  for (let r = 0; r < R; r++) {
    const logits = Array.from({ length: V }, (_, v) => {
      let sum = 0;
      for (let c = 0; c < C; c++) sum += h[r * C + c] * w[v * C + c];
      return sum;
    });
    const total = logits.reduce((sum, x) => sum + Math.exp(x), 0);
    losses.push((Math.log(total) - logits[targets[r]]) * weights[r]);
    correct.push(
      logits[targets[r]] === Math.max(...logits) ? weights[r] : 0,
    );
    for (let v = 0; v < V; v++) {
      const d = (Math.exp(logits[v]) / total - (v === targets[r] ? 1 : 0)) *
        weights[r] * 0.25;
      for (let c = 0; c < C; c++) {
        dHidden[r * C + c] += d * w[v * C + c];
        dWeight[v * C + c] += d * h[r * C + c];
      }
    }
  }
  return { losses, correct, dHidden, dWeight };
}

for (const chunkRows of [1, 2, 3, 7, 100]) {
  for (
    const train of [
      null,
      { dHidden: true, dWeight: false },
      { dHidden: false, dWeight: true },
      { dHidden: true, dWeight: true },
    ]
  ) {
    const what = train === null
      ? "losses only"
      : Object.entries(train).filter(([, on]) => on).map(([n]) => n).join();
    Deno.test(`linearCrossEntropy in chunks of ${chunkRows} rows gives ${what}`, async () => {
      const found = await runGraph(lossGraph(train, chunkRows), {
        variables: given,
        inputs,
      });
      const right = expected();
      const names = [
        "losses",
        "correct",
        ...(train?.dHidden ? ["dHidden"] : []),
        ...(train?.dWeight ? ["dWeight"] : []),
      ] as (keyof typeof right)[];
      assert.deepEqual(Object.keys(found).sort(), [...names].sort());
      for (const name of names) {
        assertNear(found[name], right[name], { tolerance: 1e-6, what: name });
      }
    });
  }
}

Deno.test("the weight's gradient is added in its slot, again and again", async () => {
  const graph = new Graph();
  const slot = graph.variable("slot", [V, C]);
  const { dWeight } = linearCrossEntropy(
    graph,
    {
      hidden: graph.variable("hidden", [R, C]),
      weight: graph.variable("head", [V, C]),
      targets: graph.input("targets", [R], "i32"),
      weights: graph.input("weights", [R]),
      scale: graph.input("scale", [1]),
    },
    { dHidden: false, dWeightSlot: slot },
    { chunkElements: 2 * V },
  );
  graph.assign(slot, dWeight!);
  await using session = await openSession([{ name: "p", graph }], given);
  session.run("p", {}, inputs);
  session.run("p", {}, inputs);
  const start = given.slot.data as Float32Array;
  const once = expected().dWeight;
  assertNear(
    await session.read("slot"),
    Float64Array.from(start, (s, i) => 2 * once[i] - s),
    { tolerance: 1e-6, what: "slot" },
  );
});

Deno.test("no supervised row: no loss and no gradient", async () => {
  const graph = new Graph();
  const rows = { coefficient: 1, names: ["R"] };
  const slot = graph.variable("slot", [V, C]);
  const loss = linearCrossEntropy(
    graph,
    {
      hidden: graph.input("hidden", [rows, C]),
      weight: graph.variable("head", [V, C]),
      targets: graph.input("targets", [rows], "i32"),
      weights: graph.input("weights", [rows]),
      scale: graph.input("scale", [1]),
    },
    { dHidden: true, dWeightSlot: slot },
  );
  graph.output("losses", loss.losses);
  graph.output("dWeight", loss.dWeight!);
  const found = await runGraph(graph, {
    variables: { head: given.head, slot: given.slot },
    inputs: { scale: Float32Array.of(1) },
    extents: { R: 0 },
    capacities: { R: 4 },
  });
  assert.equal(found.losses.length, 0);
  assert.deepEqual(found.dWeight, given.slot.data);
});
