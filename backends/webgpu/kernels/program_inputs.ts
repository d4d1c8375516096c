/**
 * How expressions read the inputs of row programs and sums.
 * @module
 */
import type { Access, Expression } from "@denotune/denotune/device";
import type { Scope } from "../shader/dispatch.ts";
import { type Leaves, leavesOf } from "../shader/expression.ts";

/** The place that is computed: one element, number `wide` of four, or a row as a whole. */
export type Element = "scalar" | "row" | { readonly wide: number };

/**
 * Leaves at a place, where the shader has `r` (row), `c` (column, or group of four columns) and an index of
 * the matrix element (or group). `load` may name the expression, so that it is loaded once.
 */
export function leavesAt(
  scope: Scope,
  accesses: readonly Access[],
  { element, matrixIndex = "", load }: {
    element: Element;
    matrixIndex?: string;
    load: (text: string) => string;
  },
): Leaves {
  const wide = typeof element === "object" ? element.wide : null;
  const at = (name: string, index: string): string => {
    const tensor = scope.tensor(name);
    return wide === null
      ? load(tensor.load(index))
      : `${load(tensor.loadWide(index))}.${"xyzw"[wide]}`;
  };
  return {
    input(input, index) {
      const name = `in${input}`;
      switch (accesses[input]) {
        case "matrix":
          return at(name, matrixIndex);
        case "row":
          return at(name, "c");
        case "column":
          return load(scope.tensor(name).load("r"));
        case "scalars":
          return load(scope.tensor(name).load(`${index ?? 0}u`));
      }
    },
    value: (name) => `v_${name}`,
    column: () => wide === null ? "c" : `(c * 4u + ${wide}u)`,
    key: (input) => `bitcast<u32>(${scope.tensor(`in${input}`).loadInt("r")})`,
  };
}

/** Adds `let name = text` unless `lines` has it already; returns the name. */
export function loadOnce(lines: string[], text: string): string {
  const before = lines.findIndex((line) => line.endsWith(` = ${text};`));
  if (before >= 0) return lines[before].split(" ")[1];
  const name = `x${lines.length}`;
  lines.push(`let ${name} = ${text};`);
  return name;
}

/** Whether an expression needs to know its column. */
export function readsColumnIndex(expressions: readonly Expression[]): boolean {
  return expressions.flatMap(leavesOf).some((e) =>
    e.kind === "column" || e.kind === "random"
  );
}
