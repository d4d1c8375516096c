/**
 * Expressions as ONNX operators: a value for each part of an expression, over a (rows, columns) space in which
 * `matrix` inputs are (rows, columns), `row` inputs (columns), `column` inputs (rows, 1).
 * @module
 */
import {
  type Access,
  type ColumnSumAttributes,
  type Dim,
  type Expression,
  leavesOf,
  type RowsAttributes,
  type UnaryOp,
} from "@denotune/denotune/core";
import type { GraphBuilder } from "./builder.ts";
import type { KernelTranslation, Translation } from "./translation.ts";

/** Operators of one operand that ONNX has under a name of its own. */
const UNARY: Readonly<Partial<Record<UnaryOp, string>>> = {
  neg: "Neg",
  abs: "Abs",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  reciprocal: "Reciprocal",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  erf: "Erf",
  sign: "Sign",
  floor: "Floor",
};

const BINARY = {
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  min: "Min",
  max: "Max",
} as const;

const COMPARISON = {
  lt: "Less",
  le: "LessOrEqual",
  eq: "Equal",
} as const;

/** What an expression may read. */
interface Scope {
  readonly onnx: GraphBuilder;
  /** Input `i` of the program, in a shape that broadcasts. */
  input(i: number): string;
  /** A named number a row. */
  value(name: string): string;
  /** Index of each column. */
  column(): string;
}

/** A space of rows and columns in which expressions are evaluated. */
interface Space {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inputs: readonly Access[];
}

/** The kernel `rows`. */
export const rows: KernelTranslation<RowsAttributes> = (t) => {
  const { onnx, attributes: { program, rows, columns } } = t;
  const space: Space = { rows, columns, inputs: program.inputs };
  const values = new Map<string, string>();
  const scope = scopeOf(t, space, values);
  for (const stage of program.stages) {
    if (stage.kind === "let") {
      values.set(stage.name, evaluate(stage.be, scope, t));
    } else if (stage.kind === "reduce") {
      const operator = stage.op === "sum" ? "ReduceSum" : "ReduceMax";
      const whole = spread(t, space, { of: stage.of, scope, width: columns });
      values.set(
        stage.name,
        onnx.node(operator, [whole, onnx.ints([1])], { keepdims: { int: 1 } }),
      );
    } else {
      const width = program.outputs[stage.output] === "matrix" ? columns : 1;
      const value = spread(t, space, { of: stage.value, scope, width });
      t.output(stage.output, value, [rows, width]);
    }
  }
};

/** The kernel `column_sum`. */
export const columnSum: KernelTranslation<ColumnSumAttributes> = (t) => {
  const { onnx, attributes: { rows, columns, inputs, of, addend } } = t;
  const space: Space = { rows, columns, inputs };
  const scope = scopeOf(t, space, new Map());
  const whole = spread(t, space, { of, scope, width: columns });
  const sum = onnx.node("ReduceSum", [whole, onnx.ints([0])], {
    keepdims: { int: 0 },
  });
  t.output(
    0,
    addend ? onnx.node("Add", [sum, t.input(inputs.length, [columns])]) : sum,
    [columns],
  );
};

function scopeOf(
  t: Translation<unknown>,
  { rows, columns, inputs }: Space,
  values: ReadonlyMap<string, string>,
): Scope {
  const { onnx } = t;
  return {
    onnx,
    input: (i) => {
      const sizes = {
        matrix: [rows, columns],
        row: [columns],
        column: [rows, 1],
        scalars: [-1],
      } as const;
      const value = t.input(i, sizes[inputs[i]]);
      // whole numbers are converted
      return t.isWhole(i) ? onnx.cast(value, "float32") : value;
    },
    value: (name) => values.get(name) ?? "",
    column: () => {
      if (typeof columns !== "number") {
        return t.refuse(
          "reads the index of a column, whose number the data fixes",
        );
      }
      return onnx.floats(Array.from({ length: columns }, (_, c) => c));
    },
  };
}

/** An expression as wide as its space: one that reads no matrix may be narrower. */
function spread(
  t: Translation<unknown>,
  { rows, inputs }: Space,
  { of, scope, width }: {
    readonly of: Expression;
    readonly scope: Scope;
    readonly width: Dim;
  },
): string {
  const value = evaluate(of, scope, t);
  const isWhole = leavesOf(of).some((leaf) =>
    leaf.kind === "input" && inputs[leaf.input] === "matrix"
  );
  return isWhole
    ? value
    : t.onnx.node("Expand", [value, t.shape([rows, width])]);
}

function evaluate(
  e: Expression,
  scope: Scope,
  t: Pick<Translation<unknown>, "refuse">,
): string {
  const { onnx } = scope;
  const of = (part: Expression) => evaluate(part, scope, t);
  switch (e.kind) {
    case "input": {
      const whole = scope.input(e.input);
      return e.index === undefined
        ? whole
        : onnx.node("Gather", [whole, onnx.int(e.index)]);
    }
    case "constant":
      return onnx.float(e.value);
    case "value":
      return scope.value(e.name);
    case "column":
      return scope.column();
    case "random":
      return t.refuse("draws random numbers");
    case "unary": {
      const a = of(e.a);
      const own = UNARY[e.op];
      if (own !== undefined) return onnx.node(own, [a]);
      if (e.op === "rsqrt") {
        return onnx.node("Reciprocal", [onnx.node("Sqrt", [a])]);
      }
      return onnx.cast(isFinite(onnx, a), "float32");
    }
    case "binary":
      return e.op in COMPARISON
        ? onnx.cast(holds(e, scope, t), "float32")
        : onnx.node(BINARY[arithmetic(e.op)], [of(e.a), of(e.b)]);
    case "select":
      return onnx.node("Where", [
        holds(e.condition, scope, t),
        of(e.a),
        of(e.b),
      ]);
  }
}

/** Whether an expression is not 0, as truth values. */
function holds(
  e: Expression,
  scope: Scope,
  t: Pick<Translation<unknown>, "refuse">,
): string {
  const { onnx } = scope;
  const of = (part: Expression) => evaluate(part, scope, t);
  if (e.kind === "binary") {
    const { op } = e;
    if (op === "lt" || op === "le" || op === "eq") {
      return onnx.node(COMPARISON[op], [of(e.a), of(e.b)]);
    }
  }
  if (e.kind === "unary" && e.op === "isFinite") {
    return isFinite(onnx, of(e.a));
  }
  return onnx.node("Not", [onnx.node("Equal", [of(e), onnx.float(0)])]);
}

function isFinite(onnx: GraphBuilder, a: string): string {
  const [infinite, none] = [onnx.node("IsInf", [a]), onnx.node("IsNaN", [a])];
  return onnx.node("Not", [onnx.node("Or", [infinite, none])]);
}

function arithmetic(op: string): keyof typeof BINARY {
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "min":
    case "max":
      return op;
    default:
      throw new RangeError(`${op} is no arithmetic`);
  }
}
