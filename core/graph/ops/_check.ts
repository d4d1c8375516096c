/** Shape checks that several ops share. */
import { type Dim, sameDim, type Shape, showDim, showShape } from "../dims.ts";
import type { TensorType } from "../graph.ts";

/** The type's shape as (rows, columns). */
export function matrix(type: TensorType, what: string): readonly [Dim, number] {
  const [rows, columns] = type.shape;
  if (type.shape.length !== 2 || typeof columns !== "number") {
    throw new RangeError(
      `${what} must be (rows, columns) with fixed columns, found ${
        showShape(type.shape)
      }`,
    );
  }
  return [rows, columns];
}

/** Refuses two dimensions that differ. */
export function expectDim(found: Dim, expected: Dim, what: string): void {
  if (!sameDim(found, expected)) {
    throw new RangeError(
      `${what}: expected ${showDim(expected)}, found ${showDim(found)}`,
    );
  }
}

/** Refuses two shapes that differ. */
export function expectShape(found: Shape, expected: Shape, what: string): void {
  if (
    found.length !== expected.length ||
    !found.every((d, i) => sameDim(d, expected[i]))
  ) {
    throw new RangeError(
      `${what}: expected ${showShape(expected)}, found ${showShape(found)}`,
    );
  }
}

/** A size that the model fixes. Throws `RangeError` for one that a run gives. */
export function fixedDim(d: Dim): number {
  if (typeof d !== "number") {
    throw new RangeError(`expected a fixed size, found ${showDim(d)}`);
  }
  return d;
}
