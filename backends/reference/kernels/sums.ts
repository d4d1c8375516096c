/**
 * Sums: of an expression over rows or over everything, and of numbers by group.
 * @module
 */
import {
  DeviceError,
  type Expression,
  type RowProgram,
} from "@denotune/denotune/core";
import {
  checkExpression,
  closureOf,
  loadInputs,
  type Place,
} from "../expression.ts";
import { checkIndex, INDEX, type Kernel, type Signature } from "../kernel.ts";
import { programOperands } from "./rows.ts";

/** out[c] = addend[c] + the sum over rows of an expression at (r, c). */
export const columnSum: Kernel<"column_sum"> = {
  signature(attributes, size) {
    return sumSignature(attributes, {
      rows: size(attributes.rows),
      columns: attributes.columns,
    }, attributes.columns);
  },
  run(attributes, size, inputs, [output]) {
    const { columns } = attributes;
    const at = closureOf(
      attributes.of,
      loadInputs(attributes.inputs, inputs),
      columns,
    );
    const sums = attributes.addend
      ? inputs[inputs.length - 1].load()
      : new Float64Array(columns);
    const place: Place = { row: 0, column: 0, values: new Map() };
    for (; place.row < size(attributes.rows); place.row++) {
      for (place.column = 0; place.column < columns; place.column++) {
        sums[place.column] += at(place);
      }
    }
    output.save(sums);
  },
};

/** out = addend + the sum of an expression over (1, elements). */
export const sum: Kernel<"sum"> = {
  signature(attributes, size) {
    const other = attributes.inputs.find((access) =>
      access !== "matrix" && access !== "scalars"
    );
    if (other !== undefined) {
      throw new DeviceError(
        `a sum reads matrix and scalars only, found ${other}`,
      );
    }
    return sumSignature(attributes, {
      rows: 1,
      columns: size(attributes.elements),
    }, 1);
  },
  run(attributes, size, inputs, [output]) {
    const columns = size(attributes.elements);
    const at = closureOf(
      attributes.of,
      loadInputs(attributes.inputs, inputs),
      columns,
    );
    const total = attributes.addend
      ? inputs[inputs.length - 1].load()
      : new Float64Array(1);
    const place: Place = { row: 0, column: 0, values: new Map() };
    for (; place.column < columns; place.column++) total[0] += at(place);
    output.save(total);
  },
};

function sumSignature(
  attributes: {
    readonly inputs: RowProgram["inputs"];
    readonly of: Expression;
    readonly addend: boolean;
  },
  space: { rows: number; columns: number },
  results: number,
): Signature {
  checkExpression(attributes.of, {
    inputs: attributes.inputs,
    values: new Set(),
    perElement: true,
  }, "the sum");
  const inputs = programOperands(attributes.inputs, [attributes.of], space);
  if (attributes.addend) inputs.push({ name: "addend", elements: results });
  return {
    inputs,
    outputs: [{ name: "out", elements: results }],
    mayShare: attributes.addend ? [[inputs.length - 1, 0]] : [],
  };
}

/** out[g] = addend[g] + the sum of the values of group g. */
export const groupSum: Kernel<"group_sum"> = {
  signature({ rows, count }, size) {
    return {
      inputs: [
        { name: "values", elements: size(rows) },
        { name: "groups", elements: size(rows), dtypes: INDEX },
        { name: "addend", elements: count },
      ],
      outputs: [{ name: "out", elements: count }],
      mayShare: [[2, 0]],
    };
  },
  run({ count }, _size, inputs, [output]) {
    const [values, groups, sums] = inputs.map((input) => input.load());
    for (const [row, group] of groups.entries()) {
      checkIndex(group, count, `groups[${row}]`);
      sums[group] += values[row];
    }
    output.save(sums);
  },
};
