/**
 * Writes one number everywhere.
 * @module
 */
import type { Dim } from "../dims.ts";
import { constant, write } from "../expression.ts";
import { callOf, type KernelDefinition } from "./_definition.ts";
import { rows } from "./rows.ts";

/** Attributes of `fill`. */
export interface FillAttributes {
  /** How many elements. */
  readonly elements: Dim;
  /** What they are. */
  readonly value: number;
}

/** `-> out (elements)`: every element is `value`. */
export const fill: KernelDefinition<"fill", FillAttributes> = {
  name: "fill",
  operands: ({ elements }) => ({
    inputs: [],
    outputs: [{ name: "out", shape: [elements] }],
  }),
  operations: ({ elements }, size) => size(elements),
  decompose: ({ elements, value }, tensors) => [
    callOf(rows, {
      rows: 1,
      columns: elements,
      program: {
        inputs: [],
        stages: [write(0, constant(value))],
        outputs: ["matrix"],
      },
    }, tensors),
  ],
};
