/**
 * An activation is an elementwise expression; its gradient is derived.
 * @module
 */
import type { Expr } from "../graph/expression.ts";

/** An elementwise function. */
export interface Activation {
  /** f(x) */
  apply(x: Expr): Expr;
}
