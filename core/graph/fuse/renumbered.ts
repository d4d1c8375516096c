/**
 * Expressions that move to another kernel, whose inputs have other numbers.
 * @module
 */
import type { Expression } from "../expression.ts";

/** The expression with other numbers of inputs. Equal parts stay the same object: they are computed once. */
export function renumbered(
  expression: Expression,
  numbers: readonly number[],
): Expression {
  const done = new Map<Expression, Expression>();
  const of = (e: Expression): Expression => {
    const before = done.get(e);
    if (before !== undefined) return before;
    const made = make(e);
    done.set(e, made);
    return made;
  };
  const make = (e: Expression): Expression => {
    switch (e.kind) {
      case "input":
      case "random":
        return { ...e, input: numbers[e.input] };
      case "unary":
        return { ...e, a: of(e.a) };
      case "binary":
        return { ...e, a: of(e.a), b: of(e.b) };
      case "select":
        return { ...e, condition: of(e.condition), a: of(e.a), b: of(e.b) };
      default:
        return e;
    }
  };
  return of(expression);
}
