/**
 * The op behind everything elementwise and row-wise: a row program over a (rows, columns) space.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import {
  type Access,
  type Expression,
  leavesOf,
  type RowProgram,
} from "../expression.ts";
import {
  applies,
  type GradientRule,
  type Graph,
  type Node,
  type Op,
  type Tensor,
} from "../graph.ts";
import {
  expressionOf,
  operandsOf,
  type RowsAttributes,
} from "../kernels/mod.ts";
import { outputTypes, sharedPairs } from "./_kernel_op.ts";

/** Applies a row program to tensors whose space is (rows, columns). */
export const rowsOp: Op<RowsAttributes> = {
  name: "rows",
  infer(inputs, attributes) {
    const { program } = attributes;
    if (inputs.length !== program.inputs.length) {
      throw new RangeError(
        `the program has ${program.inputs.length} inputs, given ${inputs.length}`,
      );
    }
    const types = outputTypes(
      operandsOf({ kernel: "rows", attributes }),
      inputs,
    );
    // a result has the shape of the first matrix that is read
    const full = program.inputs.indexOf("matrix");
    return types.map((type, o) =>
      program.outputs[o] === "matrix" && full >= 0
        ? { ...type, shape: inputs[full].shape }
        : type
    );
  },
  gradient({ node }) {
    throw new RangeError(`${node.label}: this row program has no gradient`);
  },
  lower({ node, input, output, emit }) {
    emit({
      kernel: "rows",
      attributes: node.attributes,
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: node.outputs.map((_, i) => output(i)),
    });
  },
  // functions of one element alone: where there are sums over a row, as in norms, they see what was computed
  rounds: (node) =>
    elementwiseProgram(node) === null ? [] : node.inputs.keys().toArray(),
  inPlace: (node) =>
    sharedPairs(operandsOf({ kernel: "rows", attributes: node.attributes }))
      .filter(([o, i]) =>
        node.inputs[i].dtype === "f32" &&
        !readAfterWrite(node.attributes.program, o, i)
      ),
};

/** What an elementwise node computes; null for any other node. */
export function elementwiseProgram(node: Node): {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inputs: readonly Access[];
  /** One for each output. */
  readonly writes: readonly Expression[];
} | null {
  if (!applies(node, rowsOp)) return null;
  const { rows, columns, program } = node.attributes;
  const { inputs, outputs, stages } = program;
  if (outputs.some((access) => access !== "matrix")) return null;
  const writes: Expression[] = [];
  for (const stage of stages) {
    if (stage.kind !== "write") return null;
    writes[stage.output] = stage.value;
  }
  return { rows, columns, inputs, writes };
}

/** Whether a stage after the one that writes output `o` reads input `i`. */
function readAfterWrite(program: RowProgram, o: number, i: number): boolean {
  const at = program.stages.findIndex((s) =>
    s.kind === "write" && s.output === o
  );
  return program.stages.slice(at + 1).some((s) =>
    readsInput(expressionOf(s), i)
  );
}

/** Whether an expression reads input `i`. */
export function readsInput(e: Expression, i: number): boolean {
  return leavesOf(e).some((leaf) =>
    (leaf.kind === "input" || leaf.kind === "random") && leaf.input === i
  );
}

/** Applies a row program; `gradient` is its rule, if it needs one. */
export function rows(
  graph: Graph,
  inputs: readonly Tensor[],
  space: { rows: Dim; columns: Dim },
  program: RowProgram,
  gradient?: GradientRule,
): readonly Tensor[] {
  return graph.apply(rowsOp, inputs, { ...space, program }, gradient);
}

/** The (rows, columns) space of a tensor: its last dimension is the columns. */
export function spaceOf(
  t: { shape: readonly Dim[] },
): { rows: Dim; columns: Dim } {
  return {
    rows: product(t.shape.slice(0, -1)),
    columns: t.shape[t.shape.length - 1] ?? 1,
  };
}
