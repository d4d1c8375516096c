import { linearCrossEntropy } from "../../../../core/graph/ops/linear_cross_entropy.ts";
import assert from "node:assert/strict";
import { type Expr, Graph } from "../../../../core/mod.ts";
import { type Head, projectLogits } from "../../../../core/graph/ops/head.ts";
import { rows } from "../../../../core/graph/ops/rows.ts";
import {
  column,
  input,
  reduce,
  value,
  write,
} from "../../../../core/graph/expression.ts";
import { gradients } from "../../../../core/graph/gradients.ts";
import {
  assertNear,
  normalVariable,
  runGraph,
  type Variables,
} from "../../../graph_harness.ts";

const [R, C, V] = [7, 4, 9];
const variables: Variables = {
  hidden: normalVariable([R, C], 91),
  head: normalVariable([V, C], 92, 2),
  bias: normalVariable([V], 93),
  headSlot: normalVariable([V, C], 94),
  biasSlot: normalVariable([V], 95),
};
const inputs = {
  targets: Int32Array.of(0, 8, 3, 3, 1, 7, 2),
  weights: Float32Array.of(1, 0.5, 0, 1, 2, 1, 1),
  scale: Float32Array.of(0.25),
};
const FUNCTIONS: { readonly [name: string]: Head["logits"] } = {
  "no function": null,
  "a scale": (x) => x.mul(0.3),
  "a soft cap": (x: Expr) => x.mul(1 / 2.5).tanh().mul(2.5),
};

function open(logits: Head["logits"], withBias: boolean) {
  const graph = new Graph();
  const head: Head = {
    weight: graph.variable("head", [V, C]),
    bias: withBias ? graph.variable("bias", [V]) : null,
    logits,
  };
  return { graph, head, hidden: graph.variable("hidden", [R, C]) };
}

/** The same loss in steps: logits, then a log-softmax, with the gradients of both from the general rules. */
function inSteps(logits: Head["logits"], withBias: boolean): Graph {
  const { graph, head, hidden } = open(logits, withBias);
  const projected = projectLogits(graph, hidden, head);
  const isTarget = column().eq(input(1));
  const [losses, dLogits] = rows(
    graph,
    [
      projected,
      graph.input("targets", [R], "i32"),
      graph.input("weights", [R]),
      graph.input("scale", [1]),
    ],
    { rows: R, columns: V },
    {
      inputs: ["matrix", "column", "column", "scalars"],
      stages: [
        reduce("sum", "total", input(0).exp()),
        reduce("sum", "target", isTarget.select(input(0), 0)),
        write(0, value("total").log().sub(value("target")).mul(input(2))),
        write(
          1,
          input(0).exp().div(value("total")).sub(isTarget).mul(input(2))
            .mul(input(3, 0)),
        ),
      ],
      outputs: ["column", "matrix"],
    },
  );
  graph.output("losses", losses);
  const parameters = [hidden, head.weight, ...(head.bias ? [head.bias] : [])];
  const slots = new Map([[head.weight, graph.variable("headSlot", [V, C])]]);
  if (head.bias !== null) {
    slots.set(head.bias, graph.variable("biasSlot", [V]));
  }
  const found = gradients(graph, {
    seeds: [{ tensor: projected, gradient: dLogits }],
    parameters,
    accumulators: slots,
  });
  ["dHidden", "dWeight", "dBias"].slice(0, parameters.length)
    .forEach((name, i) => graph.output(name, found.get(parameters[i])!));
  return graph;
}

function fused(
  logits: Head["logits"],
  withBias: boolean,
  chunkRows: number,
): Graph {
  const { graph, head, hidden } = open(logits, withBias);
  const loss = linearCrossEntropy(graph, {
    hidden,
    ...head,
    targets: graph.input("targets", [R], "i32"),
    weights: graph.input("weights", [R]),
    scale: graph.input("scale", [1]),
  }, {
    dHidden: true,
    dWeightSlot: graph.variable("headSlot", [V, C]),
    dBiasSlot: withBias ? graph.variable("biasSlot", [V]) : null,
  }, { chunkElements: chunkRows * V });
  graph.output("losses", loss.losses);
  graph.output("dHidden", loss.seeds[0].gradient);
  graph.output("dWeight", loss.dWeight!);
  if (loss.dBias !== null) graph.output("dBias", loss.dBias);
  return graph;
}

for (const [what, logits] of Object.entries(FUNCTIONS)) {
  for (const withBias of [false, true]) {
    const name = `${what} and ${withBias ? "a" : "no"} bias`;
    Deno.test(`a head with ${name} has the loss and gradients of its logits, in chunks`, async () => {
      const wanted = await runGraph(inSteps(logits, withBias), {
        variables,
        inputs,
      });
      for (const chunkRows of [1, 3, 100]) {
        const found = await runGraph(fused(logits, withBias, chunkRows), {
          variables,
          inputs,
        });
        assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
        for (const key of Object.keys(wanted)) {
          assertNear(found[key], wanted[key], { tolerance: 1e-6, what: key });
        }
      }
    });
  }
}
