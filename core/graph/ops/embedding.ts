/**
 * Rows of a table by id, and its gradient without float atomics: the host sorts the tokens by id.
 * @module
 */
import { type Dim, product, type Shape } from "../dims.ts";
import type { Graph, NoAttributes, Op, Tensor, TensorType } from "../graph.ts";
import type { KernelAttributes } from "../kernels/mod.ts";
import { matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";
import { addTo } from "./add.ts";
import { widened } from "./dequantize.ts";

/** The tokens of a batch sorted by id, as the host lays them out. */
export interface SortedTokens {
  /** Positions sorted by id, stable: i32 (N). */
  readonly order: Tensor; // i32 (N): positions sorted by id, stable
  /** Distinct ids: i32 (U). */
  readonly ids: Tensor; // i32 (U): distinct ids
  /** Where each id's positions start in `order`: i32 (U + 1). */
  readonly starts: Tensor; // i32 (U + 1): where each id's positions start in `order`
}

function gathered(
  [table, index]: readonly TensorType[],
): KernelAttributes["gather_rows"] {
  const [, columns] = matrix(table, "table");
  return { rows: product(index.shape), columns };
}

const plainGather: Op<NoAttributes> = kernelOp("gather_rows", {
  attributes: gathered,
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
      return graph.apply1(
        scatterAddOp,
        [dOut, order, ids, starts, start],
        {},
      );
    });
  },
});

/**
 * Inputs: table (V, C), index i32 (N), and order, ids, starts where the table is trained. A quantised table is
 * widened row by row, or whole on a device that lists no such storage.
 */
export const gatherOp: Op<NoAttributes> = {
  ...plainGather,
  lower(context) {
    const { node, input, output, emit } = context;
    const table = context.quantized(0);
    if (table === null) return plainGather.lower(context);
    const { format, rows, columns, view, inMatmul } = table;
    emit({
      kernel: "gather_rows",
      attributes: {
        ...gathered(node.inputs),
        ...(inMatmul ? { quantized: { format, rows, columns } } : {}),
      },
      inputs: [inMatmul ? view : widened(context, table), input(1)],
      outputs: [output(0)],
    });
  },
};

const scatterAddOp: Op<NoAttributes> = kernelOp("scatter_add", {
  attributes([values, , ids]) {
    const [, columns] = matrix(values, "values");
    return { unique: product(ids.shape), columns };
  },
  alwaysInPlace: true,
});

/** A tensor of zeros. */
export const zerosOp: Op<{ readonly shape: Shape }> = {
  name: "fill",
  infer: (_, { shape }) => [{ shape, dtype: "f32" }],
  lower({ node, output, emit }) {
    emit({
      kernel: "fill",
      attributes: { elements: product(node.attributes.shape), value: 0 },
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
  return graph.apply1(gatherOp, [table, index, ...more], {});
}

/** Inputs: x (N, C), index i32 (R), distinct. out[r] = x[index[r]]: drops the rows that carry no label. */
const selectRowsOp: Op<NoAttributes> = kernelOp("gather_rows", {
  name: "select_rows",
  attributes: gathered,
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
});

const placeRowsOp: Op<{ readonly rows: Dim }> = kernelOp("scatter_rows", {
  attributes([values, index], { rows }) {
    const [, columns] = matrix(values, "values");
    return { rows, count: product(index.shape), columns };
  },
});

/** out[r] = x[index[r]], for distinct indices. */
export function selectRows(graph: Graph, x: Tensor, index: Tensor): Tensor {
  return graph.apply1(selectRowsOp, [x, index], {});
}
