/**
 * Expressions: elementwise and row-wise arithmetic, written once and emitted by every backend (WGSL,
 * WebAssembly SIMD, plain loops). An expression is plain data, so that it can cross into workers.
 * @module
 */

/** Operators of one operand. `isFinite` gives 1 or 0; `sign` of 0 is 0. */
export type UnaryOp =
  | "neg"
  | "abs"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "reciprocal"
  | "tanh"
  | "sigmoid"
  | "erf"
  | "sign"
  | "floor"
  | "isFinite";

/** Operators of two operands; comparisons give 1 or 0. */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "lt"
  | "le"
  | "eq";

/** An expression as data. */
export type Expression =
  /** Element of kernel input `input` as its access says; `index` chooses the element of a `scalars` input. */
  | { readonly kind: "input"; readonly input: number; readonly index?: number }
  | { readonly kind: "constant"; readonly value: number }
  /** A value computed by an earlier stage of the row program: one number a row. */
  | { readonly kind: "value"; readonly name: string }
  /** Index of the column, as a number (exact below 2^24). */
  | { readonly kind: "column" }
  /**
   * Uniform in [0, 1): `uniformAt(key, stream, column)` of `core/random.ts`. `input` is an i32 input
   * with access `column` (one key a row), read as bits, not converted.
   */
  | { readonly kind: "random"; readonly input: number; readonly stream: number }
  | { readonly kind: "unary"; readonly op: UnaryOp; readonly a: Expression }
  | {
    readonly kind: "binary";
    readonly op: BinaryOp;
    readonly a: Expression;
    readonly b: Expression;
  }
  /** `a` where the condition is not 0, else `b`. */
  | {
    readonly kind: "select";
    readonly condition: Expression;
    readonly a: Expression;
    readonly b: Expression;
  };

/**
 * How a row program reads an input, for row r and column c of its (rows, columns) space:
 * `matrix` [r, c]; `row` [c], the same for every row; `column` [r], the same for every column;
 * `scalars` a short vector, element `index`.
 * i32 inputs are converted to numbers.
 */
export type Access = "matrix" | "row" | "column" | "scalars";

/**
 * One stage of a row program. Stages run in order, for each row on its own: `reduce` folds the
 * expression over all columns into a named number (sum: 0 is the start, max: the most negative
 * float32); `let` names a number a row (its expression may read only values, `column`-access and
 * scalar inputs); `write` stores an expression into output `output`.
 */
export type Stage =
  | {
    readonly kind: "reduce";
    readonly op: "sum" | "max";
    readonly name: string;
    readonly of: Expression;
  }
  | { readonly kind: "let"; readonly name: string; readonly be: Expression }
  | {
    readonly kind: "write";
    readonly output: number;
    readonly value: Expression;
  };

/**
 * A kernel over a (rows, columns) space. Output `matrix` has an element for every place, `column` one
 * a row. An output may share the buffer of a `matrix` input (in place): each element is read before
 * the same element is written, in the same stage.
 */
export interface RowProgram {
  /** How each kernel input is read. */
  readonly inputs: readonly Access[];
  /** What is done for each row, in order. */
  readonly stages: readonly Stage[];
  /** What each output holds. */
  readonly outputs: readonly ("matrix" | "column")[];
}

/** Builds expressions: `p.sub(lr.mul(m))`. A number is a constant. */
export class Expr {
  /** Wraps an expression; the functions below make the leaves. */
  constructor(readonly node: Expression) {}
  #binary(op: BinaryOp, b: Expr | number): Expr {
    return new Expr({ kind: "binary", op, a: this.node, b: lift(b).node });
  }
  #unary(op: UnaryOp): Expr {
    return new Expr({ kind: "unary", op, a: this.node });
  }
  /** this + b */
  add(b: Expr | number): Expr {
    return this.#binary("add", b);
  }
  /** this - b */
  sub(b: Expr | number): Expr {
    return this.#binary("sub", b);
  }
  /** this * b */
  mul(b: Expr | number): Expr {
    return this.#binary("mul", b);
  }
  /** this / b */
  div(b: Expr | number): Expr {
    return this.#binary("div", b);
  }
  /** the smaller */
  min(b: Expr | number): Expr {
    return this.#binary("min", b);
  }
  /** the larger */
  max(b: Expr | number): Expr {
    return this.#binary("max", b);
  }
  /** 1 where this < b */
  lt(b: Expr | number): Expr {
    return this.#binary("lt", b);
  }
  /** 1 where this <= b */
  le(b: Expr | number): Expr {
    return this.#binary("le", b);
  }
  /** 1 where this equals b */
  eq(b: Expr | number): Expr {
    return this.#binary("eq", b);
  }
  /** -this */
  neg(): Expr {
    return this.#unary("neg");
  }
  /** |this| */
  abs(): Expr {
    return this.#unary("abs");
  }
  /** e to this */
  exp(): Expr {
    return this.#unary("exp");
  }
  /** natural logarithm */
  log(): Expr {
    return this.#unary("log");
  }
  /** square root */
  sqrt(): Expr {
    return this.#unary("sqrt");
  }
  /** 1 / square root */
  rsqrt(): Expr {
    return this.#unary("rsqrt");
  }
  /** 1 / this */
  reciprocal(): Expr {
    return this.#unary("reciprocal");
  }
  /** hyperbolic tangent */
  tanh(): Expr {
    return this.#unary("tanh");
  }
  /** 1 / (1 + e to -this) */
  sigmoid(): Expr {
    return this.#unary("sigmoid");
  }
  /** Gauss error function */
  erf(): Expr {
    return this.#unary("erf");
  }
  /** -1, 0 or 1 */
  sign(): Expr {
    return this.#unary("sign");
  }
  /** largest integer not above */
  floor(): Expr {
    return this.#unary("floor");
  }
  /** 1 where neither infinite nor NaN */
  isFinite(): Expr {
    return this.#unary("isFinite");
  }
  /** `a` where this is not 0, else `b` */
  select(a: Expr | number, b: Expr | number): Expr {
    return new Expr({
      kind: "select",
      condition: this.node,
      a: lift(a).node,
      b: lift(b).node,
    });
  }
}

function lift(value: Expr | number): Expr {
  return typeof value === "number" ? constant(value) : value;
}

/** A number. */
export function constant(value: number): Expr {
  return new Expr({ kind: "constant", value });
}
/** Kernel input number `input`; `index` chooses among `scalars`. */
export function input(number: number, index?: number): Expr {
  return new Expr(
    index === undefined
      ? { kind: "input", input: number }
      : { kind: "input", input: number, index },
  );
}
/** A value of an earlier stage. */
export function value(name: string): Expr {
  return new Expr({ kind: "value", name });
}
/** The column's index. */
export function column(): Expr {
  return new Expr({ kind: "column" });
}
/** Uniform random numbers, keyed by the i32 `column` input and the stream. */
export function random(input: number, stream: number): Expr {
  return new Expr({ kind: "random", input, stream });
}

/** Stage: folds `of` over the columns of a row. */
export function reduce(op: "sum" | "max", name: string, of: Expr): Stage {
  return { kind: "reduce", op, name, of: of.node };
}
/** Stage: names a number a row. */
export function define(name: string, be: Expr): Stage {
  return { kind: "let", name, be: be.node };
}
/** Stage: stores `value` into output number `output`. */
export function write(output: number, value: Expr): Stage {
  return { kind: "write", output, value: value.node };
}

/** The distinct parts of an expression that have no operands, in order. */
export function leavesOf(expression: Expression): Expression[] {
  const seen = new Set<Expression>();
  const leaves: Expression[] = [];
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "unary") visit(e.a);
    else if (e.kind === "binary") [e.a, e.b].forEach(visit);
    else if (e.kind === "select") [e.condition, e.a, e.b].forEach(visit);
    else leaves.push(e);
  };
  visit(expression);
  return leaves;
}
