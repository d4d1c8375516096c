/**
 * Sums to one number or to a few, and the ring in which a run keeps its losses on the device.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Expr } from "../expression.ts";
import type { Graph, NoAttributes, Op, Tensor } from "../graph.ts";
import type { SumAttributes } from "../kernels/mod.ts";
import { matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";

const sumOp: Op<SumAttributes> = kernelOp("sum", {
  attributes: (_, own: SumAttributes) => own,
});

/** addend + the sum of an expression over all elements of a tensor; no gradient. */
export function sum(
  graph: Graph,
  tensor: Tensor,
  of: Expr,
  addend?: Tensor,
): Tensor {
  return graph.apply1(
    sumOp,
    addend === undefined ? [tensor] : [tensor, addend],
    {
      elements: product(tensor.shape),
      inputs: ["matrix"],
      of: of.node,
      addend: addend !== undefined,
    },
  );
}

const groupSumOp: Op<NoAttributes> = kernelOp("group_sum", {
  attributes: ([values, , addend]) => ({
    rows: product(values.shape),
    count: fixed(product(addend.shape)),
  }),
});

/** out[g] = addend[g] + sum of values (R) whose group i32 (R) is g. */
export function groupSum(
  graph: Graph,
  values: Tensor,
  groups: Tensor,
  addend: Tensor,
): Tensor {
  return graph.apply1(groupSumOp, [values, groups, addend], {});
}

const writeRowOp: Op<NoAttributes> = kernelOp("write_row", {
  attributes([ring]) {
    const [slots, columns] = matrix(ring, "ring");
    return { slots: fixed(slots), columns };
  },
  alwaysInPlace: true,
});

/** ring[index mod slots] = row; gives the new ring. */
export function writeRow(
  graph: Graph,
  ring: Tensor,
  row: Tensor,
  index: Tensor,
): Tensor {
  return graph.apply1(writeRowOp, [ring, row, index], {});
}

/** Index of the first largest element of each row, i32. */
export function argmax(graph: Graph, x: Tensor): Tensor {
  return graph.apply1(argmaxOp, [x], {});
}

const argmaxOp: Op<NoAttributes> = kernelOp("argmax", {
  attributes([x]) {
    const [rows, columns] = matrix(x, "x");
    return { rows, columns };
  },
});

function fixed(size: Dim): number {
  if (typeof size !== "number") {
    throw new RangeError("A ring and sums by group have fixed sizes");
  }
  return size;
}

const stopGradientOp: Op<NoAttributes> = {
  name: "stop_gradient",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  lower({ node, input, output, emit }) {
    emit({
      kernel: "copy",
      attributes: { elements: product(node.inputs[0].shape) },
      inputs: [input(0)],
      outputs: [output(0)],
    });
  },
};

/** x, through which no gradient passes. */
export function stopGradient(graph: Graph, x: Tensor): Tensor {
  return graph.apply1(stopGradientOp, [x], {});
}
