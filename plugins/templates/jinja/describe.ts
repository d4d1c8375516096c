/**
 * Expressions in words.
 * @module
 */
import type { Expression } from "./syntax/nodes.ts";

/** How the template writes a value, for errors. */
export function describe(node: Expression): string {
  switch (node.type) {
    case "name":
      return node.name;
    case "call":
      return `${describe(node.callee)}()`;
    case "attribute":
      return `${describe(node.object)}.${node.name}`;
    case "item": {
      const { key } = node;
      const name = key.type !== "constant"
        ? "[...]"
        : typeof key.value === "string"
        ? `.${key.value}`
        : `[${key.value}]`;
      return describe(node.object) + name;
    }
    default:
      return "a value";
  }
}
