/**
 * Sums: of an expression over rows or over everything, and of numbers by group.
 * @module
 */
import { closureOf, loadInputs, type Place } from "../expression.ts";
import { checkIndex, type Kernel } from "../kernel.ts";

/** out[c] = addend[c] + the sum over rows of an expression at (r, c). */
export const columnSum: Kernel<"column_sum"> = {
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

/** out[g] = addend[g] + the sum of the values of group g. */
export const groupSum: Kernel<"group_sum"> = {
  run({ count }, _size, inputs, [output]) {
    const [values, groups, sums] = inputs.map((input) => input.load());
    for (const [row, group] of groups.entries()) {
      checkIndex(group, count, `groups[${row}]`);
      sums[group] += values[row];
    }
    output.save(sums);
  },
};
