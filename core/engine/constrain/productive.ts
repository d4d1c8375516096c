/**
 * Which expressions match any text at all: a path that leads to none would leave an answer without an end.
 * @module
 */
import type { Expression } from "./expressions.ts";

/** Ids of the expressions within `root` that match a text. */
export function productiveIn(root: Expression): ReadonlySet<number> {
  const all = reachable(root);
  const productive = new Set<number>();
  // from what is certain to what follows from it, until nothing is new
  for (let size = -1; size !== productive.size;) {
    size = productive.size;
    for (const one of all) {
      if (!productive.has(one.id) && matches(one, productive)) {
        productive.add(one.id);
      }
    }
  }
  return productive;
}

function reachable(root: Expression): readonly Expression[] {
  const found = new Map<number, Expression>();
  const open = [root];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (found.has(one.id)) continue;
    found.set(one.id, one);
    open.push(...partsOf(one));
  }
  // the deepest were found last, and decide those above
  return [...found.values()].reverse();
}

function partsOf(one: Expression): readonly Expression[] {
  switch (one.kind) {
    case "bytes":
    case "pair":
      return [];
    case "sequence":
    case "choice":
      return one.items;
    case "repeat":
      return [one.item];
    case "rule":
      return one.body === null ? [] : [one.body];
    case "both":
      return [one.left, one.right];
  }
}

function matches(one: Expression, known: ReadonlySet<number>): boolean {
  const parts = partsOf(one);
  switch (one.kind) {
    case "bytes":
      return one.has.includes(1);
    case "choice":
    case "rule":
      return parts.some(({ id }) => known.has(id));
    case "repeat":
      return one.min === 0 || known.has(one.item.id);
    default:
      return parts.every(({ id }) => known.has(id));
  }
}
