/**
 * A run file as a tree in which every value remembers where it was written. Run files, overrides
 * and objects given in code become such trees; merging and setting make new trees; only the last
 * one is turned into plain values.
 * @module
 */

/** Where a value was written. */
export interface Origin {
  /** As shown to people: `run.yaml:3:5`, ``override `seed=1` ``, `run.ts`, `default`. */
  readonly place: string;
  /** Absolute folder that relative paths written there start from. */
  readonly base: string;
  /** Line and column, counted from 1, where there are any: problems are sorted by them. */
  readonly line?: number;
  readonly column?: number;
  /** Whether it was written in code, where values may be more than JSON. */
  readonly code?: boolean;
}

/** A value without anything inside: a scalar, or (from code) a function, a part, rows in memory. */
export interface Leaf {
  readonly type: "leaf";
  readonly value: unknown;
  readonly origin: Origin;
}

/** One key of a map. */
export interface Entry {
  /** Where the key was written. */
  readonly key: Origin;
  readonly tree: Tree;
}

/** A map. */
export interface MapTree {
  readonly type: "map";
  readonly entries: ReadonlyMap<string, Entry>;
  readonly origin: Origin;
}

/** A list. */
export interface ListTree {
  readonly type: "list";
  readonly items: readonly Tree[];
  readonly origin: Origin;
}

/** A value and where it, and all that is in it, was written. */
export type Tree = Leaf | MapTree | ListTree;

/** Steps from the root to a value: names of keys, indices of lists. */
export type Path = readonly (string | number)[];

/** Whether `value` is an object made by `{}` (and not an instance of a class), in whichever realm. */
export function isPlainObject(
  value: unknown,
): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * The tree of a value given in code. Anything but plain objects and lists is a leaf, and so is
 * what `opaque` names (rows in memory are not copied). `undefined` keys are left out.
 */
export function treeOf(
  value: unknown,
  origin: Origin,
  opaque: (path: Path, value: unknown) => boolean = () => false,
): Tree {
  const build = (
    value: unknown,
    path: Path,
    above: readonly unknown[],
  ): Tree => {
    if (
      opaque(path, value) ||
      (typeof value === "object" && above.includes(value))
    ) {
      return { type: "leaf", value, origin };
    }
    if (Array.isArray(value)) {
      const items = value.map((item, i) =>
        build(item, [...path, i], [...above, value])
      );
      return { type: "list", items, origin };
    }
    if (!isPlainObject(value)) return { type: "leaf", value, origin };
    const entries = new Map<string, Entry>();
    for (const [key, inner] of Object.entries(value)) {
      if (inner === undefined) continue;
      entries.set(key, {
        key: origin,
        tree: build(inner, [...path, key], [...above, value]),
      });
    }
    return { type: "map", entries, origin };
  };
  return build(value, [], []);
}

/** The plain value of a tree. */
export function plain(tree: Tree): unknown {
  if (tree.type === "leaf") return tree.value;
  if (tree.type === "list") return tree.items.map(plain);
  // fromEntries defines own properties: a key `__proto__` stays a key
  return Object.fromEntries(
    [...tree.entries].map(([key, entry]) => [key, plain(entry.tree)]),
  );
}

/** What is one step inside a tree, or undefined. */
export function inside(
  tree: Tree | undefined,
  step: string | number,
): Tree | undefined {
  if (tree?.type === "map") return tree.entries.get(String(step))?.tree;
  if (tree?.type === "list" && typeof step === "number") {
    return tree.items[step];
  }
  return undefined;
}

/** The value at a path, or undefined. */
export function at(tree: Tree | undefined, path: Path): Tree | undefined {
  for (const step of path) tree = inside(tree, step);
  return tree;
}

/** Where the value at a path was written; where it is missing, where what should hold it was. */
export function originAt(tree: Tree, path: Path): Origin {
  for (const step of path) {
    const next = inside(tree, step);
    if (next === undefined) break;
    tree = next;
  }
  return tree.origin;
}

/** Where the key at the end of a path was written (for list items and missing keys: the value). */
export function keyOriginAt(tree: Tree, path: Path): Origin {
  const holder = at(tree, path.slice(0, -1));
  const key = path.at(-1);
  const entry = holder?.type === "map"
    ? holder.entries.get(String(key))
    : undefined;
  return entry?.key ?? originAt(tree, path);
}

/** A map with one entry put in or replaced; the place of a key that was there before stays. */
export function withEntry(
  map: MapTree,
  key: string,
  tree: Tree,
  keyOrigin?: Origin,
): MapTree {
  const entries = new Map(map.entries);
  entries.set(key, {
    key: keyOrigin ?? entries.get(key)?.key ?? tree.origin,
    tree,
  });
  return { ...map, entries };
}

/** A tree with the value at a path replaced. What should hold it must be there. */
export function replaceAt(tree: Tree, path: Path, value: Tree): Tree {
  if (path.length === 0) return value;
  const [step, ...rest] = path;
  if (tree.type === "map") {
    const inner = tree.entries.get(String(step))?.tree ?? value;
    return withEntry(tree, String(step), replaceAt(inner, rest, value));
  }
  if (tree.type === "list" && typeof step === "number") {
    return {
      ...tree,
      items: tree.items.map((item, i) =>
        i === step ? replaceAt(item, rest, value) : item
      ),
    };
  }
  return tree;
}

/** A path as people write it: `data.train.0.path`. */
export function keyOf(path: Path): string {
  return path.join(".");
}
