/**
 * A check of the planner: no two variables of a program overlap in memory.
 * @module
 */
import { bytesOf, isQuantized } from "./dtype.ts";
import type { Graph } from "./graph.ts";
import { type Memory, storedBytes } from "./memory.ts";
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
