/**
 * Tensors as kernels see them.
 * @module
 */
import type { Shape } from "./dims.ts";
import type { DType } from "./dtype.ts";

/** Number of a buffer that a device allocated. */
export type BufferId = number;

/** A tensor as a kernel sees it: dense, row-major but for panels, somewhere in a buffer. */
export interface View {
  /** The buffer that holds it. */
  readonly buffer: BufferId;
  /** First element, counted in elements of `dtype`. */
  readonly offset: number;
  /** In a repeated segment: elements to advance at each iteration (0 or absent: the same place). */
  readonly advance?: number;
  /** Sizes, outermost first. */
  readonly shape: Shape;
  /** How it is stored. */
  readonly dtype: DType;
  /**
   * Set where it is a matrix in panels of so many rows, as a device asks for by its `panels`: one panel behind the other,
   * each by columns. The last one has the rows that are left.
   */
  readonly panelRows?: number;
}
