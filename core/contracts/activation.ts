/**
 * An activation is an elementwise expression; its gradient is derived. Models find it by the name that a
 * config writes.
 * @module
 */
import type { Expr } from "../graph/expression.ts";

/** An elementwise function. */
export interface Activation {
  /** f(x) */
  apply(x: Expr): Expr;
  /** Names under which a `config.json` may ask for it, besides the part's own: `gelu_new`. */
  readonly names?: readonly string[];
}

/** Activations by every name that a config may write. */
export type Activations = ReadonlyMap<string, Activation>;
