/**
 * What kernels made of expressions share: their inputs by access, and what an expression may read.
 * @module
 */
import type { Dim } from "../dims.ts";
import { type Access, type Expression, leavesOf } from "../expression.ts";
import { INDEX, NUMBERS, type Operand, type Size } from "./_definition.ts";

/** The space in which expressions are evaluated. */
export interface Space {
  /** How many rows. */
  readonly rows: Dim;
  /** How many columns. */
  readonly columns: Dim;
}

/** Name of input `i` of a program: `input 0 (matrix)`. */
export function inputName(i: number, access: Access): string {
  return `input ${i} (${access})`;
}

/** The inputs of expressions over a space. Scalars are as long as they are read. */
export function accessOperands(
  accesses: readonly Access[],
  expressions: readonly Expression[],
  { rows, columns }: Space,
): Operand[] {
  const leaves = expressions.flatMap(leavesOf);
  const last = accesses.map(() => -1);
  const keys = new Set<number>();
  for (const leaf of leaves) {
    if (leaf.kind === "random") keys.add(leaf.input);
    if (leaf.kind === "input" && leaf.index !== undefined) {
      last[leaf.input] = Math.max(last[leaf.input], leaf.index);
    }
  }
  return accesses.map((access, i): Operand => {
    const shapes: Record<Access, readonly Size[]> = {
      matrix: [rows, columns],
      row: [columns],
      column: [rows],
      scalars: [last[i] + 1],
    };
    return {
      name: inputName(i, access),
      shape: shapes[access],
      dtypes: keys.has(i) ? INDEX : NUMBERS,
      ...(access === "scalars" ? { atLeast: true } : {}),
    };
  });
}

/** What an expression may read where it is. */
export interface ExpressionScope {
  /** How the inputs are read. */
  readonly inputs: readonly Access[];
  /** Values that earlier stages have named. */
  readonly values: ReadonlySet<string>;
  /** False where there is one number a row: nothing that differs from column to column may be read. */
  readonly perElement: boolean;
}

/** Refuses an expression that reads what is not there; `where` names its stage. Throws `RangeError`. */
export function checkExpression(
  expression: Expression,
  { inputs, values, perElement }: ExpressionScope,
  where: string,
): void {
  for (const leaf of leavesOf(expression)) {
    if (leaf.kind === "value" && !values.has(leaf.name)) {
      throw new RangeError(
        `${where} reads "${leaf.name}", which no earlier stage names`,
      );
    }
    if (leaf.kind === "column" && !perElement) {
      throw new RangeError(
        `${where} reads the column's index, but is one number a row`,
      );
    }
    if (leaf.kind !== "input" && leaf.kind !== "random") continue;
    const access = inputs[leaf.input];
    const reads = `${where} reads input ${leaf.input} (${
      access ?? `of ${inputs.length}`
    })`;
    if (access === undefined) {
      throw new RangeError(`${reads}, which is not there`);
    }
    if (leaf.kind === "random" && access !== "column") {
      throw new RangeError(
        `${reads} as random keys, which are one a row (column)`,
      );
    }
    if (
      leaf.kind === "input" &&
      (access === "scalars") !== (leaf.index !== undefined)
    ) {
      throw new RangeError(
        `${reads} ${leaf.index === undefined ? "without an" : "with an"} index`,
      );
    }
    if (
      !perElement &&
      (leaf.kind === "random" || access === "matrix" || access === "row")
    ) {
      throw new RangeError(`${reads}, but is one number a row`);
    }
  }
}
