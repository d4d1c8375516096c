/**
 * Rows of a table by index: out[i] = table[index[i]]. An index out of range ends the run.
 * @module
 */
import {
  bytesOf,
  type KernelAttributes,
  type View,
} from "@denotune/denotune/device";
import { f32, type FunctionBuilder, i64, type Int } from "../assembler/mod.ts";
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
  const { dtype, panelRows } = views[0];
  const dims = [attributes.rows, quantized?.rows ?? views[0].shape[0]];
  return [{
    key: keyOf("gather_rows", [columns, dtype, quantized, panelRows], dims),
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
            if (panelRows !== undefined) {
              return gatherFromPanels(f, {
                table,
                rows: k.dims[1],
                columns,
                panelRows,
              }, { row: id, target });
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

/** Copies a row of a matrix in panels: its numbers are as far apart as its panel has rows. */
function gatherFromPanels(
  f: FunctionBuilder,
  { table, rows, columns, panelRows }: {
    readonly table: Int;
    readonly rows: Int;
    readonly columns: number;
    readonly panelRows: number;
  },
  { row, target }: { readonly row: Int; readonly target: Int },
): void {
  const inPanel = f.local("i64", i64.remU(row, i64.const(panelRows)));
  const first = f.local("i64", i64.sub(row, inPanel));
  const count = i64.min(i64.sub(rows, first), i64.const(panelRows));
  const step = f.local("i64", i64.mul(f.hold(count), i64.const(4)));
  const inTable = i64.add(i64.mul(first, i64.const(columns)), inPanel);
  const from = f.local("i64", element(table, inTable));
  f.for(i64.const(0), i64.const(columns), 1, (column) => {
    f.store(element(target, column), f32.load(from));
    f.increase(from, step);
  });
}
