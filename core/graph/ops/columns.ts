/**
 * Cutting and joining columns.
 * @module
 */
import type { Graph, NoAttributes, Op, Tensor } from "../graph.ts";
import { expectDim, matrix } from "./_check.ts";
import { kernelOp } from "./_kernel_op.ts";
import { add } from "./add.ts";
import { zerosOp } from "./embedding.ts";

const sliceOp: Op<{ readonly offset: number; readonly width: number }> =
  kernelOp("slice_columns", {
    attributes([x], { offset, width }) {
      const [rows, from] = matrix(x, "x");
      return { rows, from, offset, width };
    },
    gradient(context) {
      const { graph, node, dOutputs } = context;
      const dOut = dOutputs[0];
      if (dOut === undefined) return;
      const { offset, width } = node.attributes;
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
  });

const concatOp: Op<NoAttributes> = kernelOp("concat_columns", {
  attributes(inputs) {
    const [rows] = matrix(inputs[0], "x");
    return { rows, widths: inputs.map((t) => matrix(t, "x")[1]) };
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
});

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
  return graph.apply1(concatOp, parts, {});
}

const splitOp: Op<{ readonly widths: readonly number[] }> = {
  name: "split_columns",
  infer([x], { widths }) {
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
