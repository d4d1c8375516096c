/**
 * Expressions as closures: each node of the tree becomes a function of the place that is computed.
 * @module
 */
import {
  type Access,
  type BinaryOp,
  type DType,
  type Expression,
  type UnaryOp,
  uniformAt,
} from "@denotune/denotune/device";
import { erf } from "./erf.ts";
import type { Tensor } from "./tensor.ts";

/** Where in the (rows, columns) space, and the values that earlier stages gave this row. */
export interface Place {
  row: number;
  column: number;
  readonly values: Map<string, number>;
}

/** The number of an expression at a place. */
export type Evaluate = (place: Place) => number;

/** An input of a program: how it is read, and its elements. */
export interface ProgramInput {
  readonly access: Access;
  readonly dtype: DType;
  readonly elements: Float64Array;
}

/** Loads the inputs of a program. */
export function loadInputs(
  accesses: readonly Access[],
  tensors: readonly Tensor[],
): ProgramInput[] {
  return accesses.map((access, i) => ({
    access,
    dtype: tensors[i].dtype,
    elements: tensors[i].load(),
  }));
}

/** The closure of an expression over these inputs, in a space of `columns` columns. */
export function closureOf(
  expression: Expression,
  inputs: readonly ProgramInput[],
  columns: number,
): Evaluate {
  const build = (e: Expression): Evaluate => {
    switch (e.kind) {
      case "constant": {
        const { value } = e;
        return () => value;
      }
      case "input":
        return reader(inputs[e.input], columns, e.index ?? 0);
      case "value": {
        const { name } = e;
        return ({ values }) => values.get(name) ?? NaN; // that it is there was checked
      }
      case "column":
        return ({ column }) => column;
      case "random": {
        const { stream } = e;
        const keys = inputs[e.input].elements; // i32: a double holds its bits exactly
        return ({ row, column }) => uniformAt(keys[row], stream, column);
      }
      case "unary": {
        const a = build(e.a);
        const f = UNARY[e.op];
        return (place) => f(a(place));
      }
      case "binary": {
        const a = build(e.a);
        const b = build(e.b);
        const f = BINARY[e.op];
        return (place) => f(a(place), b(place));
      }
      case "select": {
        const condition = build(e.condition);
        const a = build(e.a);
        const b = build(e.b);
        return (place) => condition(place) !== 0 ? a(place) : b(place);
      }
    }
  };
  return build(expression);
}

function reader(
  { access, elements }: ProgramInput,
  columns: number,
  index: number,
): Evaluate {
  switch (access) {
    case "matrix":
      return ({ row, column }) => elements[row * columns + column];
    case "row":
      return ({ column }) => elements[column];
    case "column":
      return ({ row }) => elements[row];
    case "scalars":
      return () => elements[index];
  }
}

const UNARY: Readonly<Record<UnaryOp, (a: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (a) => 1 / Math.sqrt(a),
  reciprocal: (a) => 1 / a,
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  erf,
  sign: Math.sign,
  floor: Math.floor,
  isFinite: (a) => Number.isFinite(Math.fround(a)) ? 1 : 0, // as the others' float32 sees it
};

const BINARY: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  lt: (a, b) => a < b ? 1 : 0,
  le: (a, b) => a <= b ? 1 : 0,
  eq: (a, b) => a === b ? 1 : 0,
};
