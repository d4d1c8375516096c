/**
 * Rows by index: gather, scatter, and the embedding's gradient.
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import { checkIndex, type Kernel } from "../kernel.ts";
import { loadQuantized } from "./quantized.ts";

/** out[r] = table[index[r]]. */
export const gatherRows: Kernel<"gather_rows"> = {
  run({ columns, quantized }, _size, [table, index], [output]) {
    const wide = quantized === undefined
      ? null
      : loadQuantized(table, quantized);
    const rows = quantized?.rows ?? table.length / columns;
    for (const [row, from] of index.load().entries()) {
      checkIndex(from, rows, `index[${row}]`);
      const start = from * columns;
      output.save(
        wide?.subarray(start, start + columns) ?? table.load(start, columns),
        row * columns,
      );
    }
  },
};

/** out[index[i]] = values[i], zero elsewhere. */
export const scatterRows: Kernel<"scatter_rows"> = {
  run({ rows, columns }, size, [values, index], [output]) {
    output.save(new Float64Array(output.length));
    const seen = new Set<number>();
    for (const [i, to] of index.load().entries()) {
      checkIndex(to, size(rows), `index[${i}]`);
      if (seen.has(to)) {
        throw new DeviceError(
          `index[${i}] is ${to} again: indices must be distinct`,
        );
      }
      seen.add(to);
      output.save(values.load(i * columns, columns), to * columns);
    }
  },
};

/**
 * table[ids[u]] += values[order[i]] for i in [starts[u], starts[u + 1]).
 *
 * ```text
 * tokens      7 3 7 7 3        order   1 4 | 0 2 3      ids  3 7      starts  0 2 5
 * ```
 */
export const scatterAdd: Kernel<"scatter_add"> = {
  run({ columns }, _size, [values, orders, idList, startList], [table]) {
    const [order, ids, starts] = [
      orders.load(),
      idList.load(),
      startList.load(),
    ];
    for (const [u, id] of ids.entries()) {
      checkIndex(id, table.length / columns, `ids[${u}]`);
      const sums = table.load(id * columns, columns);
      for (let i = starts[u]; i < starts[u + 1]; i++) {
        checkIndex(i, order.length, `starts of ids[${u}]`);
        checkIndex(order[i], values.length / columns, `order[${i}]`);
        const row = values.load(order[i] * columns, columns);
        for (let c = 0; c < columns; c++) sums[c] += row[c];
      }
      table.save(sums, id * columns);
    }
  },
};
