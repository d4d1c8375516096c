/**
 * What arithmetic over levels becomes in the graph: elementwise kernels, and sums from a level to the next.
 * @module
 */
import { differentiate, isZero } from "../differentiate.ts";
import type { NamedDim } from "../dims.ts";
import { type Expr, input, write } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { addTo } from "../ops/add.ts";
import { embedding } from "../ops/embedding.ts";
import { rows } from "../ops/rows.ts";
import { type Level, LEVEL_DIMS, type LevelIndex } from "./levels.ts";

/** One kernel over the numbers of a level; what is the window's gets no gradient. */
export function levelKernel(
  graph: Graph,
  level: Level,
  { leaves, levels, built }: {
    leaves: readonly Tensor[];
    levels: readonly Level[];
    built: Expr;
  },
): Tensor {
  const columns = level === "window" ? 1 : LEVEL_DIMS[level];
  const accesses = levels.map((l) =>
    l === "window" && level !== "window"
      ? "scalars" as const
      : "matrix" as const
  );
  return rows(graph, leaves, { rows: 1, columns }, {
    inputs: accesses,
    stages: [write(0, built)],
    outputs: ["matrix"],
  }, ({ graph, node, dOutputs, wants, add }) => {
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    node.inputs.forEach((_, i) => {
      if (accesses[i] === "scalars" || !wants(i)) return;
      const partial = differentiate(built, i);
      if (isZero(partial)) return;
      add(i, (addend) =>
        addTo(
          graph,
          addend,
          rows(graph, [...node.inputs, dOut], { rows: 1, columns }, {
            inputs: [...accesses, "matrix"],
            stages: [write(0, partial.mul(input(node.inputs.length)))],
            outputs: ["matrix"],
          })[0],
        ));
    });
  })[0];
}

/** Inputs: values (n), parent i32 (n), order, ids, starts. out[p] = sum of the values whose parent is p. */
const sumOp: Op<{ readonly parents: NamedDim }> = {
  name: "sum_by_parent",
  infer: (_, { parents }) => [{ shape: [parents], dtype: "f32" }],
  gradient({ graph, node, dOutputs, add }) {
    const [dOut] = dOutputs;
    if (dOut === undefined) return;
    const [values, parent] = node.inputs;
    const column = { ...dOut, shape: [node.outputs[0].shape[0], 1] };
    add(0, (addend) =>
      addTo(graph, addend, {
        ...embedding(graph, column, parent),
        shape: values.shape,
      }));
  },
  lower({ node, input, output, emit }) {
    const [out] = node.outputs;
    emit({
      kernel: "fill",
      attributes: { elements: out.shape[0], value: 0 },
      inputs: [],
      outputs: [output(0)],
    });
    emit({
      kernel: "scatter_add",
      attributes: { unique: node.inputs[3].shape[0], columns: 1 },
      inputs: [input(0), input(2), input(3), input(4), output(0)],
      outputs: [output(0)],
    });
  },
};

/** The sum over what belongs to each of `parents`. */
export function sumByParent(
  graph: Graph,
  values: Tensor,
  { parent, sorted }: LevelIndex,
  parents: NamedDim,
): Tensor {
  const { order, ids, starts } = sorted;
  return graph.apply1(sumOp, [values, parent, order, ids, starts], { parents });
}
