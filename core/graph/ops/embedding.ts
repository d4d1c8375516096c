/**
 * Rows of a table by id, and its gradient without float atomics: the host sorts the tokens by id.
 * @module
 */
import { product } from "../dims.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { expectDim, matrix } from "./_check.ts";
import { addTo } from "./add.ts";

/** The tokens of a batch sorted by id, as the host lays them out. */
export interface SortedTokens {
  /** Positions sorted by id, stable: i32 (N). */
  readonly order: Tensor; // i32 (N): positions sorted by id, stable
  /** Distinct ids: i32 (U). */
  readonly ids: Tensor; // i32 (U): distinct ids
  /** Where each id's positions start in `order`: i32 (U + 1). */
  readonly starts: Tensor; // i32 (U + 1): where each id's positions start in `order`
}

/** Inputs: table (V, C), index i32 (N), and order, ids, starts where the table is trained. */
export const gatherOp: Op = {
  name: "gather_rows",
  infer([table, index]) {
    const [, columns] = matrix(table, "table");
    return [{ shape: [product(index.shape), columns], dtype: "f32" }];
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined || !context.wants(0)) return;
    if (node.inputs.length !== 5) {
      throw new RangeError(
        "the gradient of an embedding needs the tokens sorted by id",
      );
    }
    const [table, , order, ids, starts] = node.inputs;
    context.add(0, (addend) => {
      const start = addend ?? graph.apply1(zerosOp, [], { shape: table.shape });
      return graph.apply1(scatterAddOp, [dOut, order, ids, starts, start]);
    });
  },
  lower({ node, input, output, emit }) {
    const [rows, columns] = matrix(node.outputs[0], "output");
    emit({
      kernel: "gather_rows",
      attributes: { rows, columns },
      inputs: [input(0), input(1)],
      outputs: [output(0)],
    });
  },
};

const scatterAddOp: Op = {
  name: "scatter_add",
  infer([values, , ids, , addend]) {
    matrix(values, "values");
    void ids;
    return [{ shape: addend.shape, dtype: "f32" }];
  },
  lower({ node, input, output, emit }) {
    const [, columns] = matrix(node.inputs[0], "values");
    emit({
      kernel: "scatter_add",
      attributes: { unique: product(node.inputs[2].shape), columns },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
  inPlace: () => [[0, 4]],
  alwaysInPlace: true,
};

/** A tensor of zeros. */
export const zerosOp: Op = {
  name: "fill",
  infer: (_, { shape }) => [{ shape: shape as Tensor["shape"], dtype: "f32" }],
  lower({ node, output, emit }) {
    emit({
      kernel: "fill",
      attributes: { elements: product(node.outputs[0].shape), value: 0 },
      inputs: [],
      outputs: [output(0)],
    });
  },
};

/** out[i] = table[index[i]]. `sorted` is needed if the table is trained. */
export function embedding(
  graph: Graph,
  table: Tensor,
  index: Tensor,
  sorted?: SortedTokens,
): Tensor {
  const more = sorted === undefined
    ? []
    : [sorted.order, sorted.ids, sorted.starts];
  return graph.apply1(gatherOp, [table, index, ...more]);
}

/** Inputs: x (N, C), index i32 (R), distinct. out[r] = x[index[r]]: drops the rows that carry no label. */
const selectRowsOp: Op = {
  name: "select_rows",
  infer([x, index]) {
    const [, columns] = matrix(x, "x");
    return [{ shape: [product(index.shape), columns], dtype: "f32" }];
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    context.add(
      0,
      (addend) =>
        addTo(
          graph,
          addend,
          graph.apply1(placeRowsOp, [dOut, node.inputs[1]], {
            rows: node.inputs[0].shape[0],
          }),
        ),
    );
  },
  lower: gatherOp.lower,
};

const placeRowsOp: Op = {
  name: "scatter_rows",
  infer([values, index], { rows }) {
    const [count, columns] = matrix(values, "values");
    expectDim(product(index.shape), count, "index");
    return [{
      shape: [rows as Tensor["shape"][number], columns],
      dtype: "f32",
    }];
  },
  lower({ node, input, output, emit }) {
    const [rows, columns] = matrix(node.outputs[0], "output");
    emit({
      kernel: "scatter_rows",
      attributes: { rows, count: product(node.inputs[1].shape), columns },
      inputs: [input(0), input(1)],
      outputs: [output(0)],
    });
  },
};

/** out[r] = x[index[r]], for distinct indices. */
export function selectRows(graph: Graph, x: Tensor, index: Tensor): Tensor {
  return graph.apply1(selectRowsOp, [x, index]);
}
