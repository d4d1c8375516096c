/**
 * Dimensions of tensors. What the model fixes is a number; what the data fixes has a name. A named
 * dimension has a static capacity, which sizes memory, and an extent known to the host at each run,
 * which sets grids and loop bounds.
 * @module
 */

/** A product of named extents and a whole coefficient: `{coefficient: 2, names: ["B", "T"]}` is 2*B*T. */
export interface NamedDim {
  /** The whole factor. */
  readonly coefficient: number;
  /** Names of the extents, sorted; a name may come twice. */
  readonly names: readonly string[];
}

/** A size: fixed by the model, or by the data of each step. */
export type Dim = number | NamedDim;

/** Sizes of a tensor, outermost first. `[]` is a single number. */
export type Shape = readonly Dim[];

/** Values of the named dimensions: capacities when planning, extents when running. */
export type Extents = Readonly<Record<string, number>>;

/** A dimension that the data fixes. */
export function dim(...names: readonly string[]): NamedDim {
  return { coefficient: 1, names };
}

/** The product of dimensions, simplified to a number where no name is left. */
export function product(dims: readonly Dim[]): Dim {
  let coefficient = 1;
  const names: string[] = [];
  for (const d of dims) {
    if (typeof d === "number") coefficient *= d;
    else {
      coefficient *= d.coefficient;
      names.push(...d.names);
    }
  }
  return names.length === 0
    ? coefficient
    : { coefficient, names: names.sort() };
}

/** The size of a dimension under the given extents. Throws `RangeError` for an unknown name. */
export function sizeOf(d: Dim, extents: Extents): number {
  if (typeof d === "number") return d;
  let size = d.coefficient;
  for (const name of d.names) {
    const extent = extents[name];
    if (extent === undefined) {
      throw new RangeError(
        `Dimension ${name} has no extent: given ${
          Object.keys(extents).join(", ")
        }`,
      );
    }
    size *= extent;
  }
  return size;
}

/** Number of elements of a shape under the given extents. */
export function elementsOf(shape: Shape, extents: Extents): number {
  let n = 1;
  for (const d of shape) n *= sizeOf(d, extents);
  return n;
}

/** Whether two dimensions are the same whatever the extents. */
export function sameDim(a: Dim, b: Dim): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.coefficient === b.coefficient && a.names.length === b.names.length &&
    a.names.every((name, i) => name === b.names[i]);
}

/** Whether two shapes are the same whatever the extents. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => sameDim(d, b[i]));
}

/** A shape as people write it: `(B*T, 64)`. */
export function showShape(shape: Shape): string {
  return `(${shape.map(showDim).join(", ")})`;
}

/** A dimension as people write it. */
export function showDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  return (d.coefficient === 1 ? d.names : [String(d.coefficient), ...d.names])
    .join("*");
}
