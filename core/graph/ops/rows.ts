/**
 * The op behind everything elementwise and row-wise: a row program over a (rows, columns) space.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Access, Expression, RowProgram } from "../expression.ts";
import type { GradientContext, Graph, Node, Op, Tensor } from "../graph.ts";
import { expectDim, expectShape } from "./_check.ts";

interface RowsAttributes {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly program: RowProgram;
  readonly gradient?: (context: GradientContext) => void;
}

function attributesOf(node: { attributes: unknown }): RowsAttributes {
  return node.attributes as RowsAttributes;
}

/** Applies a row program to tensors whose space is (rows, columns). */
export const rowsOp: Op = {
  name: "rows",
  infer(inputs, attributes) {
    const { rows, columns, program } = attributes as unknown as RowsAttributes;
    if (inputs.length !== program.inputs.length) {
      throw new RangeError(
        `the program has ${program.inputs.length} inputs, given ${inputs.length}`,
      );
    }
    program.inputs.forEach((access, i) => {
      const { shape } = inputs[i];
      const what = `input ${i} (${access})`;
      if (access === "matrix") {
        expectDim(product(shape), product([rows, columns]), what);
      } else if (access === "row") expectDim(product(shape), columns, what);
      else if (access === "column") expectDim(product(shape), rows, what);
      else if (shape.some((d) => typeof d !== "number")) {
        expectShape(shape, [1], what);
      }
    });
    const full = program.inputs.indexOf("matrix");
    return program.outputs.map((access) => ({
      shape: access === "column"
        ? [rows]
        : full >= 0
        ? inputs[full].shape
        : [rows, columns],
      dtype: "f32" as const,
    }));
  },
  gradient(context) {
    const rule = attributesOf(context.node).gradient;
    if (rule === undefined) {
      throw new RangeError(
        `${context.node.label}: this row program has no gradient`,
      );
    }
    rule(context);
  },
  lower({ node, input, output, emit }) {
    const { rows, columns, program } = attributesOf(node);
    emit({
      kernel: "rows",
      attributes: { rows, columns, program },
      inputs: node.inputs.map((_, i) => input(i)),
      outputs: node.outputs.map((_, i) => output(i)),
    });
  },
  inPlace(node) {
    const { program } = attributesOf(node);
    const pairs: [number, number][] = [];
    program.outputs.forEach((access, o) => {
      if (access !== "matrix") return;
      program.inputs.forEach((inputAccess, i) => {
        if (
          inputAccess === "matrix" && node.inputs[i].dtype === "f32" &&
          !readAfterWrite(program, o, i)
        ) pairs.push([o, i]);
      });
    });
    return pairs;
  },
};

/** What an elementwise node computes; null for any other node. */
export function elementwiseProgram(node: Node): {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inputs: readonly Access[];
  /** One for each output. */
  readonly writes: readonly Expression[];
} | null {
  if (node.op !== rowsOp) return null;
  const { rows, columns, program } = attributesOf(node);
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
    readsInput(
      s.kind === "reduce" ? s.of : s.kind === "let" ? s.be : s.value,
      i,
    )
  );
}

/** Whether an expression reads input `i`. */
export function readsInput(e: Expression, i: number): boolean {
  switch (e.kind) {
    case "input":
    case "random":
      return e.input === i;
    case "unary":
      return readsInput(e.a, i);
    case "binary":
      return readsInput(e.a, i) || readsInput(e.b, i);
    case "select":
      return readsInput(e.condition, i) || readsInput(e.a, i) ||
        readsInput(e.b, i);
    default:
      return false;
  }
}

/** Applies a row program; `gradient` is its rule, if it needs one. */
export function rows(
  graph: Graph,
  inputs: readonly Tensor[],
  space: { rows: Dim; columns: Dim },
  program: RowProgram,
  gradient?: (context: GradientContext) => void,
): readonly Tensor[] {
  return graph.apply(rowsOp, inputs, { ...space, program, gradient });
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
