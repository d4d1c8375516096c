/**
 * Checks of the planner: a program's variables lie in memory as it uses them, and no two of them overlap.
 * @module
 */
import { bytesOf, isQuantized } from "./dtype.ts";
import { elementsOf, sameShape } from "./dims.ts";
import type { Graph, Tensor } from "./graph.ts";
import { type Memory, type Placement, storedBytes } from "./memory.ts";
import type { BufferId } from "./plan.ts";

/**
 * Tensors of a graph are identified by name: two variables over the same bytes (an arena and its member)
 * would be one for the device and two for the planner. Throws `RangeError` that names them.
 */
export function refuseOverlaps(
  program: string,
  graph: Graph,
  memory: Memory,
): void {
  const byBuffer = new Map<
    BufferId,
    { name: string; start: number; end: number }[]
  >();
  for (const name of graph.variables.keys()) {
    const place = memory.variables.get(name);
    if (place === undefined) continue;
    const { dtype, offset, shape } = place;
    const start = isQuantized(dtype) ? 0 : offset * bytesOf(dtype);
    const range = { name, start, end: start + storedBytes(shape, dtype) };
    const others = byBuffer.get(place.buffer) ?? [];
    const clash = others.find((o) =>
      o.start < range.end && range.start < o.end &&
      (graph.assignments.has(o.name) || graph.assignments.has(name))
    );
    if (clash !== undefined) {
      throw new RangeError(
        `${program}: the variables ${clash.name} and ${name} share memory and one of them is assigned: use one of the two`,
      );
    }
    byBuffer.set(place.buffer, [...others, range]);
  }
}

/** The place of a variable that a program uses as this tensor. Throws `RangeError` where it is not there, or another. */
export function placeFor(
  { shape, dtype }: Tensor,
  { program, name, memory }: {
    readonly program: string;
    readonly name: string;
    readonly memory: Memory;
  },
): Placement {
  const fail = (what: string): never => {
    throw new RangeError(`${program}: the variable ${name} ${what}`);
  };
  const place = memory.variables.get(name) ?? fail("has no place in memory");
  if (place.panelRows !== undefined) {
    fail("is in panels; programs are planned before");
  }
  if (
    place.dtype !== dtype ||
    elementsOf(shape, {}) !== elementsOf(place.shape, {}) ||
    (place.transposed === true && !sameShape(shape, place.shape))
  ) fail("is used with another shape or type than it was placed with");
  return place;
}
