/** Statistics of rows of logits: in chunks as in one, gradients as slopes, and what is refused. */
import assert from "node:assert/strict";
import {
  entropy,
  logProbability,
  logsumexp,
  meanLogProbability,
  randomFrom,
  type RowStatistic,
} from "@denotune/denotune/core";
import { Graph } from "../../../../core/graph/graph.ts";
import { rowStatistics } from "../../../../core/graph/ops/row_statistics.ts";
import { normals, runGraph } from "../../../graph_harness.ts";

const [R, C, V] = [7, 5, 11];
const random = randomFrom(4);
const variables = {
  hidden: { shape: [R, C], data: normals(R * C, random) },
  weight: { shape: [V, C], data: normals(V * C, random) },
  slot: { shape: [V, C], data: normals(V * C, random) },
};
const targets = Int32Array.from({ length: R }, (_, r) => (r * 3) % V);
const statistics = { logProbability, logsumexp, meanLogProbability, entropy };

async function computed(chunkElements: number) {
  const graph = new Graph();
  const of = (name: keyof typeof variables) =>
    graph.variable(name, variables[name].shape);
  const { values, gradient } = rowStatistics(graph, {
    hidden: of("hidden"),
    weight: of("weight"),
    bias: null,
    logits: null,
    targets: graph.input("targets", [R], "i32"),
    statistics,
  }, { chunkElements });
  const back = gradient(
    { logProbability: graph.input("u", [R]), entropy: graph.input("w", [R]) },
    { dHidden: true, slots: { weight: of("slot"), bias: null } },
  );
  assert.ok(back.dHidden && back.dWeight);
  for (const [name, value] of Object.entries(values)) graph.output(name, value);
  graph.output("dHidden", back.dHidden);
  graph.output("dWeight", back.dWeight);
  return await runGraph(graph, {
    variables,
    inputs: {
      targets,
      u: Float32Array.from({ length: R }, (_, r) => r - 2),
      w: Float32Array.from({ length: R }, (_, r) => 1 / (r + 1)),
    },
  });
}

Deno.test("statistics and their gradients are the same in chunks of any size", async () => {
  const whole = await computed(R * V);
  for (const rows of [1, 2, 3, 5]) {
    const found = await computed(rows * V);
    for (const [name, values] of Object.entries(whole)) {
      values.forEach((value, i) =>
        assert.ok(
          Math.abs(value - found[name][i]) <= 2e-6 * (1 + Math.abs(value)),
          `${name}[${i}] in chunks of ${rows}: ${found[name][i]}, not ${value}`,
        )
      );
    }
  }
});

Deno.test("statistics are what a softmax in doubles gives", async () => {
  const found = await computed(R * V);
  const { hidden, weight } = variables;
  for (let r = 0; r < R; r++) {
    const logits = Array.from({ length: V }, (_, v) => {
      let sum = 0;
      for (let c = 0; c < C; c++) {
        sum += hidden.data[r * C + c] * weight.data[v * C + c];
      }
      return sum;
    });
    const most = Math.max(...logits);
    const total = logits.reduce((sum, z) => sum + Math.exp(z - most), 0);
    const lse = Math.log(total) + most;
    const log_p = logits.map((z) => z - lse);
    const wanted: Record<string, number> = {
      logProbability: log_p[targets[r]],
      logsumexp: lse,
      meanLogProbability: log_p.reduce((a, b) => a + b) / V,
      entropy: -log_p.reduce((sum, l) => sum + Math.exp(l) * l, 0),
    };
    for (const [name, value] of Object.entries(wanted)) {
      assert.ok(
        Math.abs(found[name][r] - value) < 2e-6 * (1 + Math.abs(value)),
        `${name} of row ${r}: ${found[name][r]}, not ${value}`,
      );
    }
  }
});

function built(statistic: RowStatistic): void {
  const graph = new Graph();
  rowStatistics(graph, {
    hidden: graph.variable("hidden", [R, C]),
    weight: graph.variable("weight", [V, C]),
    bias: null,
    logits: null,
    targets: graph.input("targets", [R], "i32"),
    statistics: { mine: statistic },
  });
}

Deno.test("a statistic that is more than one number a row is refused by name", () => {
  assert.throws(
    () => built((row) => row.logit.exp()),
    /statistic mine is not one number a row: it reads a logit or a column outside of max and sum/,
  );
});

Deno.test("a statistic that reads a second row is refused where there is none", () => {
  assert.throws(
    () => built((row) => row.sum(row.second)),
    /reads a second row of logits, and there is none/,
  );
});
