/**
 * A regular expression as a tree, and how many characters its parts match.
 * @module
 */
import type { CharSet } from "./char_set.ts";

/** Where a position must be, without a character being taken. */
export type Anchor =
  | "text-start"
  | "text-end"
  | "text-end-or-newline"
  | "line-start"
  | "line-end"
  | "word"
  | "not-word"
  | "not-word-in-text";

/** How a repetition chooses: most first, fewest first, or most and nothing else. */
export type Greed = "greedy" | "lazy" | "possessive";

/** A part of an expression. */
export type Node =
  | { readonly kind: "char"; readonly code: number }
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | {
    readonly kind: "repeat";
    readonly node: Node;
    readonly min: number;
    readonly max: number;
    readonly greed: Greed;
  }
  | { readonly kind: "anchor"; readonly anchor: Anchor }
  | { readonly kind: "atomic"; readonly node: Node }
  | {
    readonly kind: "look";
    readonly node: Node;
    readonly behind: boolean;
    readonly negative: boolean;
  };

/** Fewest and most characters that a node matches. */
export function widthOf(node: Node): { min: number; max: number } {
  switch (node.kind) {
    case "char":
    case "set":
      return { min: 1, max: 1 };
    case "anchor":
    case "look":
      return { min: 0, max: 0 };
    case "atomic":
      return widthOf(node.node);
    case "repeat": {
      const { min, max } = widthOf(node.node);
      return {
        min: min * node.min,
        max: max === 0 || node.max === 0 ? 0 : max * node.max,
      };
    }
    case "sequence":
      return node.nodes.map(widthOf).reduce(
        (sum, { min, max }) => ({ min: sum.min + min, max: sum.max + max }),
        { min: 0, max: 0 },
      );
    case "choice": {
      const widths = node.nodes.map(widthOf);
      return {
        min: Math.min(...widths.map(({ min }) => min)),
        max: Math.max(...widths.map(({ max }) => max)),
      };
    }
  }
}
