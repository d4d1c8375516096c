/**
 * Derivatives of elementwise expressions, so that an activation is written once.
 * @module
 */
import { constant, Expr, type Expression } from "./expression.ts";

const ZERO = constant(0);
const ONE = constant(1);

/**
 * The derivative of an expression by a kernel input (its number) or by a value of an earlier stage (its name).
 * Comparisons, `floor`, `sign` and `isFinite` have
 * derivative 0; `min` and `max` give the derivative to the first operand where both are equal.
 */
export function differentiate(expression: Expr, by: number | string): Expr {
  return derivative(expression.node, by);
}

/** Whether an expression is the constant 0. */
export function isZero(e: Expr): boolean {
  return isConstant(e, 0);
}

function derivative(e: Expression, by: number | string): Expr {
  switch (e.kind) {
    case "input":
      return e.input === by ? ONE : ZERO;
    case "value":
      return e.name === by ? ONE : ZERO;
    case "constant":
    case "column":
    case "random":
      return ZERO;
    case "select":
      return choose(
        new Expr(e.condition),
        derivative(e.a, by),
        derivative(e.b, by),
      );
    case "unary": {
      const da = derivative(e.a, by);
      return isZero(da)
        ? ZERO
        : times(da, unaryFactor(e.op, new Expr(e.a), new Expr(e)));
    }
    case "binary": {
      const a = new Expr(e.a);
      const b = new Expr(e.b);
      const da = derivative(e.a, by);
      const db = derivative(e.b, by);
      switch (e.op) {
        case "add":
          return plus(da, db);
        case "sub":
          return isZero(db) ? da : isZero(da) ? db.neg() : da.sub(db);
        case "mul":
          return plus(times(da, b), times(db, a));
        case "div":
          return plus(
            isZero(da) ? ZERO : da.div(b),
            isZero(db) ? ZERO : times(db, new Expr(e).div(b)).neg(),
          );
        case "min":
          return choose(a.le(b), da, db);
        case "max":
          return choose(b.le(a), da, db);
        default:
          return ZERO;
      }
    }
  }
}

function unaryFactor(
  op: Extract<Expression, { kind: "unary" }>["op"],
  a: Expr,
  self: Expr,
): Expr {
  switch (op) {
    case "neg":
      return constant(-1);
    case "abs":
      return a.sign();
    case "exp":
      return self;
    case "log":
      return a.reciprocal();
    case "sqrt":
      return self.reciprocal().mul(0.5);
    case "rsqrt":
      return self.mul(self).mul(self).mul(-0.5);
    case "reciprocal":
      return self.mul(self).neg();
    case "tanh":
      return ONE.sub(self.mul(self));
    case "sigmoid":
      return self.mul(ONE.sub(self));
    case "erf":
      return a.mul(a).neg().exp().mul(2 / Math.sqrt(Math.PI));
    default:
      return ZERO;
  }
}

function isConstant(e: Expr, value: number): boolean {
  return e.node.kind === "constant" && e.node.value === value;
}
function plus(a: Expr, b: Expr): Expr {
  return isZero(a) ? b : isZero(b) ? a : a.add(b);
}
function times(a: Expr, b: Expr): Expr {
  return isZero(a) || isZero(b)
    ? ZERO
    : isConstant(a, 1)
    ? b
    : isConstant(b, 1)
    ? a
    : a.mul(b);
}
function choose(condition: Expr, a: Expr, b: Expr): Expr {
  return isZero(a) && isZero(b) ? ZERO : condition.select(a, b);
}
