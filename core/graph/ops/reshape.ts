/**
 * The same numbers in rows of another width.
 * @module
 */
import { product } from "../dims.ts";
import type { Tensor } from "../graph.ts";
import { matrix } from "./_check.ts";

/**
 * Sees x (rows, columns) as (rows * columns / width, width): heads behind one another as rows of their own, or the
 * other way round. No node of the graph, no copy. Throws `RangeError` where that is no whole number of rows.
 */
export function reshape(x: Tensor, width: number): Tensor {
  const [rows, columns] = matrix(x, "x");
  const all = product([rows, columns]);
  const coefficient = (typeof all === "number" ? all : all.coefficient) / width;
  if (!Number.isSafeInteger(coefficient)) {
    throw new RangeError(
      `Rows of ${columns} columns cannot be seen as rows of ${width}`,
    );
  }
  return {
    ...x,
    shape: [
      typeof all === "number" ? coefficient : { ...all, coefficient },
      width,
    ],
  };
}
