import { matmul } from "../../../../core/graph/ops/matmul.ts";
import { add } from "../../../../core/graph/ops/add.ts";
import { embedding, selectRows } from "../../../../core/graph/ops/embedding.ts";
import type { Graph } from "../../../../core/mod.ts";
import { sortIndex } from "../../../../core/engine/inputs/host_inputs.ts";
import { normalVariable } from "../../../graph_harness.ts";
import { gradientTest } from "./_cases.ts";

const tokens = Int32Array.of(3, 1, 3, 0, 3, 1, 6);
const sorted = sortIndex(tokens);
const inputs = {
  tokens,
  order: sorted.order,
  ids: sorted.ids,
  starts: sorted.starts,
};

function indices(graph: Graph) {
  return {
    index: graph.input("tokens", [tokens.length], "i32"),
    sorted: {
      order: graph.input("order", [tokens.length], "i32"),
      ids: graph.input("ids", [sorted.ids.length], "i32"),
      starts: graph.input("starts", [sorted.starts.length], "i32"),
    },
  };
}

gradientTest(
  "the gradient of an embedding sums over the places of an id",
  () => ({
    variables: { table: normalVariable([8, 3], 51) },
    inputs,
    forward(graph, v) {
      const { index, sorted } = indices(graph);
      return embedding(graph, v("table"), index, sorted);
    },
  }),
);

gradientTest("a table that is also the head collects both gradients", () => ({
  variables: { table: normalVariable([8, 3], 52) },
  inputs,
  forward(graph, v) {
    const { index, sorted } = indices(graph);
    const x = embedding(graph, v("table"), index, sorted);
    return matmul(graph, x, v("table"), { layout: "NT" });
  },
}));

gradientTest("two embeddings of one index share its sorting", () => ({
  variables: {
    a: normalVariable([8, 3], 53),
    b: normalVariable([7, 3], 54),
  },
  inputs,
  forward(graph, v) {
    const { index, sorted } = indices(graph);
    return add(
      graph,
      embedding(graph, v("a"), index, sorted),
      embedding(graph, v("b"), index, sorted),
    );
  },
}));

gradientTest("rows that are not selected get gradient 0", () => ({
  variables: { x: normalVariable([5, 3], 55) },
  inputs: { index: Int32Array.of(0, 3, 4) },
  forward: (graph, v) =>
    selectRows(graph, v("x"), graph.input("index", [3], "i32")),
}));
