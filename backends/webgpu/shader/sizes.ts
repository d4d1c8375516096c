/**
 * Sizes in shaders. What the model fixes is a literal; what the data fix is read from a small uniform
 * buffer that is written once a run. One record holds everything:
 *
 * ```text
 * place     0           1   2   3 ...
 *           iteration   values of the dimensions that the plan names, in the order of their first use
 * ```
 *
 * A plan has one record for its plain segments and one for every iteration of each repeated segment;
 * dispatches choose theirs by a dynamic offset.
 * @module
 */
import { type Dim, type NamedDim, showDim } from "@denotune/denotune/device";

/** Numbers the named dimensions of one plan. */
export class SizeTable {
  readonly dims: NamedDim[] = [];
  readonly #places = new Map<string, number>();

  /** The place of a dimension in the record. */
  placeOf(dim: NamedDim): number {
    const key = showDim(dim);
    const before = this.#places.get(key);
    if (before !== undefined) return before;
    this.dims.push(dim);
    this.#places.set(key, this.dims.length); // place 0 is the iteration's
    return this.dims.length;
  }

  /** A dimension as WGSL, a `u32`. */
  text(dim: Dim): string {
    return typeof dim === "number" ? `${dim}u` : placeText(this.placeOf(dim));
  }

  /** Values of a record. */
  get length(): number {
    return this.dims.length + 1;
  }
}

/** The iteration of a repeated segment as WGSL, a `u32`. */
export const ITERATION: string = placeText(0);

function placeText(place: number): string {
  return `sizes[${Math.floor(place / 4)}].${"xyzw"[place % 4]}`;
}
