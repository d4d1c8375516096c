/**
 * Merging run files: maps merge; lists, values and choices of another part replace.
 * @module
 */
import type { Layout } from "./layout.ts";
import { type Path, type Tree, withEntry } from "./tree.ts";

/** `over` laid over `base`. Neither is changed. */
export function mergeTrees(
  base: Tree,
  over: Tree,
  layout: Layout,
  path: Path = [],
): Tree {
  if (layout.partFieldAt(path) !== undefined) return mergeChoices(base, over);
  return mergeMaps(
    base,
    over,
    (key, before, after) => mergeTrees(before, after, layout, [...path, key]),
  );
}

/** A bare name as the map that it abbreviates. Other trees stay as they are. */
export function asChoiceMap(tree: Tree): Tree {
  if (tree.type !== "leaf" || typeof tree.value !== "string") return tree;
  return {
    type: "map",
    entries: new Map([["use", { key: tree.origin, tree }]]),
    origin: tree.origin,
  };
}

/** The part that a choice names, or undefined: a name, or the part itself where it was chosen in code. */
export function usedPart(tree: Tree): unknown {
  const map = asChoiceMap(tree);
  const use = map.type === "map" ? map.entries.get("use")?.tree : undefined;
  return use?.type === "leaf" ? use.value : undefined;
}

/** Whether a choice was made in code: `{use: part, options}`. */
export function isChosenInCode(tree: Tree): boolean {
  const use = usedPart(tree);
  return tree.type === "map" && typeof use === "object" && use !== null;
}

function mergeChoices(base: Tree, over: Tree): Tree {
  if (over.type === "leaf" && typeof over.value !== "string") return over;
  const before = asChoiceMap(base);
  const after = asChoiceMap(over);
  if (before.type !== "map" || after.type !== "map") return over;
  const part = usedPart(after);
  if (part !== undefined && part !== usedPart(before)) return over;
  if (isChosenInCode(before) && part === undefined) {
    // options alone, over a part chosen in code: its options are one level further in
    const options: Tree = {
      type: "map",
      entries: after.entries,
      origin: after.origin,
    };
    const known = before.entries.get("options")?.tree;
    return withEntry(
      before,
      "options",
      known === undefined ? options : deepMerge(known, options),
    );
  }
  return deepMerge(before, after);
}

function deepMerge(base: Tree, over: Tree): Tree {
  return mergeMaps(
    base,
    over,
    (_key, before, after) => deepMerge(before, after),
  );
}

function mergeMaps(
  base: Tree,
  over: Tree,
  inner: (key: string, before: Tree, after: Tree) => Tree,
): Tree {
  if (base.type !== "map" || over.type !== "map") return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const before = base.entries.get(key);
    const tree = before === undefined
      ? entry.tree
      : inner(key, before.tree, entry.tree);
    entries.set(key, { key: entry.key, tree });
  }
  return { type: "map", entries, origin: over.origin };
}
