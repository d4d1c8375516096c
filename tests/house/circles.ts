/**
 * Circles of imports, by Tarjan's algorithm for strongly connected components.
 * @module
 */
import type { Edge } from "./imports.ts";

/** The groups of two and more files that import each other, directly or through others. */
export function circlesOf(edges: readonly Edge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) {
    if (from === to) continue;
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const order = new Map<string, number>(); // when a file was first seen
  const low = new Map<string, number>(); // the earliest file that can be reached from it
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const at = order.size;
    order.set(file, at);
    low.set(file, at);
    open.push(file);
    let lowest = at;
    for (const to of next.get(file) ?? []) {
      const seen = order.get(to);
      if (seen === undefined) lowest = Math.min(lowest, visit(to));
      else if (open.includes(to)) lowest = Math.min(lowest, seen);
    }
    low.set(file, lowest);
    if (lowest === at) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return lowest;
  };
  for (const file of next.keys()) if (!order.has(file)) visit(file);
  return circles;
}
