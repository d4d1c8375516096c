/**
 * Sums to one number or to a few, and the ring in which a run keeps its losses on the device.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Access, Expr, Expression } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { matrix } from "./_check.ts";

interface SumAttributes {
  readonly elements: Dim;
  readonly inputs: readonly Access[];
  readonly of: Expression;
  readonly addend: boolean;
}

const sumOp: Op = {
  name: "sum",
  infer: () => [{ shape: [1], dtype: "f32" }],
  lower({ node, input, output, emit }) {
    emit({
      kernel: "sum",
      attributes: node.attributes as unknown as SumAttributes,
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
  inPlace(node) {
    const { addend } = node.attributes as unknown as SumAttributes;
    return addend ? [[0, node.inputs.length - 1]] : [];
  },
};

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

const groupSumOp: Op = {
  name: "group_sum",
  infer: ([, , addend]) => [{ shape: addend.shape, dtype: "f32" }],
  lower({ node, input, output, emit }) {
    emit({
      kernel: "group_sum",
      attributes: {
        rows: product(node.inputs[0].shape),
        count: node.inputs[2].shape[0] as number,
      },
      inputs: [input(0), input(1), input(2)],
      outputs: [output(0)],
    });
  },
  inPlace: () => [[0, 2]],
};

/** out[g] = addend[g] + sum of values (R) whose group i32 (R) is g. */
export function groupSum(
  graph: Graph,
  values: Tensor,
  groups: Tensor,
  addend: Tensor,
): Tensor {
  return graph.apply1(groupSumOp, [values, groups, addend]);
}

const writeRowOp: Op = {
  name: "write_row",
  infer: ([ring]) => [{ shape: ring.shape, dtype: "f32" }],
  lower({ node, input, output, emit }) {
    const [slots, columns] = matrix(node.inputs[0], "ring");
    emit({
      kernel: "write_row",
      attributes: { slots: slots as number, columns },
      inputs: [input(0), input(1), input(2)],
      outputs: [output(0)],
    });
  },
  inPlace: () => [[0, 0]],
  alwaysInPlace: true,
};

/** ring[index mod slots] = row; gives the new ring. */
export function writeRow(
  graph: Graph,
  ring: Tensor,
  row: Tensor,
  index: Tensor,
): Tensor {
  return graph.apply1(writeRowOp, [ring, row, index]);
}

/** Index of the first largest element of each row, i32. */
export function argmax(graph: Graph, x: Tensor): Tensor {
  return graph.apply1(argmaxOp, [x]);
}

const argmaxOp: Op = {
  name: "argmax",
  infer: ([x]) => [{ shape: [matrix(x, "x")[0]], dtype: "i32" }],
  lower({ node, input, output, emit }) {
    const [rows, columns] = matrix(node.inputs[0], "x");
    emit({
      kernel: "argmax",
      attributes: { rows, columns },
      inputs: [input(0)],
      outputs: [output(0)],
    });
  },
};

const stopGradientOp: Op = {
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
  return graph.apply1(stopGradientOp, [x]);
}
