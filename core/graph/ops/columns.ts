/**
 * Cutting and joining columns.
 * @module
 */
import type { Graph, Op, Tensor } from "../graph.ts";
import { expectDim, matrix } from "./_check.ts";
import { add } from "./add.ts";
import { zerosOp } from "./embedding.ts";

const sliceOp: Op = {
  name: "slice_columns",
  infer([x], attributes) {
    const { offset, width } = attributes as { offset?: number; width?: number };
    const [rows, columns] = matrix(x, "x");
    if (
      offset === undefined || width === undefined || offset < 0 ||
      offset + width > columns
    ) {
      throw new RangeError(
        `Cannot take columns ${offset}..${
          Number(offset) + Number(width)
        } of ${columns}`,
      );
    }
    return [{ shape: [rows, width], dtype: "f32" }];
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    const { offset, width } = node.attributes as {
      offset: number;
      width: number;
    };
    const [rows, columns] = matrix(node.inputs[0], "x");
    const zeros = (n: number) =>
      graph.apply1(zerosOp, [], { shape: [rows, n] });
    const parts = [
      ...(offset > 0 ? [zeros(offset)] : []),
      dOut,
      ...(offset + width < columns ? [zeros(columns - offset - width)] : []),
    ];
    const placed = parts.length === 1 ? dOut : concatColumns(graph, parts);
    context.add(
      0,
      (addend) => addend === undefined ? placed : add(graph, addend, placed),
    );
  },
  lower({ node, input, output, emit }) {
    const { offset, width } = node.attributes as {
      offset: number;
      width: number;
    };
    const [rows, from] = matrix(node.inputs[0], "x");
    emit({
      kernel: "slice_columns",
      attributes: { rows, from, offset, width },
      inputs: [input(0)],
      outputs: [output(0)],
    });
  },
};

const concatOp: Op = {
  name: "concat_columns",
  infer(inputs) {
    const [rows] = matrix(inputs[0], "x");
    let width = 0;
    for (const t of inputs) {
      const [r, columns] = matrix(t, "x");
      expectDim(r, rows, "rows");
      width += columns;
    }
    return [{ shape: [rows, width], dtype: "f32" }];
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    let offset = 0;
    node.inputs.forEach((t, i) => {
      const [, width] = matrix(t, "x");
      const at = offset;
      offset += width;
      if (!context.wants(i)) return;
      const part = sliceColumns(graph, dOut, { offset: at, width });
      context.add(
        i,
        (addend) => addend === undefined ? part : add(graph, addend, part),
      );
    });
  },
  lower({ node, input, output, emit }) {
    const [rows] = matrix(node.inputs[0], "x");
    emit({
      kernel: "concat_columns",
      attributes: { rows, widths: node.inputs.map((t) => matrix(t, "x")[1]) },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: [output(0)],
    });
  },
};

/** Columns offset .. offset + width of x (rows, columns). */
export function sliceColumns(
  graph: Graph,
  x: Tensor,
  options: { offset: number; width: number },
): Tensor {
  return graph.apply1(sliceOp, [x], options);
}

/** Joins tensors (rows, w_i) to (rows, sum of w_i). */
export function concatColumns(graph: Graph, parts: readonly Tensor[]): Tensor {
  return graph.apply1(concatOp, parts);
}

const splitOp: Op = {
  name: "split_columns",
  infer([x], attributes) {
    const { widths } = attributes as { widths: readonly number[] };
    const [rows, columns] = matrix(x, "x");
    expectDim(widths.reduce((a, b) => a + b, 0), columns, "sum of the widths");
    return widths.map((width) => ({
      shape: [rows, width],
      dtype: "f32" as const,
    }));
  },
  gradient(context) {
    const { graph, node, dOutputs } = context;
    const parts = dOutputs.map((d, i) =>
      d ?? graph.apply1(zerosOp, [], { shape: node.outputs[i].shape })
    );
    const joined = concatColumns(graph, parts);
    context.add(
      0,
      (addend) => addend === undefined ? joined : add(graph, addend, joined),
    );
  },
  lower({ node, input, output, emit }) {
    const [rows, from] = matrix(node.inputs[0], "x");
    let offset = 0;
    node.outputs.forEach((t, i) => {
      const [, width] = matrix(t, "part");
      emit({
        kernel: "slice_columns",
        attributes: { rows, from, offset, width },
        inputs: [input(0)],
        outputs: [output(i)],
      });
      offset += width;
    });
  },
};

/** Cuts x (rows, sum of widths) into parts (rows, widths[i]): one concatenation is its gradient. */
export function splitColumns(
  graph: Graph,
  x: Tensor,
  widths: readonly number[],
): readonly Tensor[] {
  return graph.apply(splitOp, [x], { widths });
}
