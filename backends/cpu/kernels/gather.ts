/**
 * Rows of a table by index: out[i] = table[index[i]]. An index out of range ends the run.
 * @module
 */
import {
  bytesOf,
  type KernelAttributes,
  type View,
} from "@denotune/denotune/device";
import { i64 } from "../assembler/mod.ts";
import { checkedIndex, loadWidened } from "./convert.ts";
import { element, keyOf, type Launch } from "./launch.ts";
import { decodeLine } from "./quantized.ts";
import { rowsPerPiece } from "./row_moves.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** The launches of a `gather_rows` call. */
export function lowerGatherRows(
  attributes: KernelAttributes["gather_rows"],
  views: readonly [table: View, index: View, out: View],
): Launch[] {
  const { columns, quantized } = attributes;
  const dtype = views[0].dtype;
  const dims = [attributes.rows, quantized?.rows ?? views[0].shape[0]];
  return [{
    key: keyOf("gather_rows", [columns, dtype, quantized], dims),
    views,
    writes: [2],
    dims,
    build: (k) => {
      const { f } = k;
      const [table, index, out] = k.at;
      k.ranges(
        k.dims[0],
        rowsPerPiece(columns),
        (from, to) =>
          f.for(from, to, 1, (row) => {
            // Each row of out is written once, whatever the indices: pieces are ranges of out.
            const id = checkedIndex(f, element(index, row), k.dims[1]);
            const target = f.local(
              "i64",
              element(out, i64.mul(row, i64.const(columns))),
            );
            if (quantized !== undefined) {
              return decodeLine(
                f,
                { ...quantized, base: table },
                { row: id, column: i64.const(0), count: i64.const(columns) },
                target,
              );
            }
            const source = f.local(
              "i64",
              i64.add(table, i64.mul(id, i64.const(columns * bytesOf(dtype)))),
            );
            vectorLoop(
              f,
              { from: i64.const(0), to: i64.const(columns) },
              (lanes) => {
                const at = i64.add(
                  source,
                  i64.mul(lanes.index, i64.const(bytesOf(dtype))),
                );
                storeLanes(
                  f,
                  { address: element(target, lanes.index) },
                  loadWidened(f, dtype, at),
                  lanes.rest,
                );
              },
            );
          }),
      );
    },
  }];
}
