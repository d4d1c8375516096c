/**
 * Kernels that move whole rows: scatter, caches, slices. An index out of range ends the run.
 *
 * ```text
 * scatter_rows   out[index[i]] = values[i], else 0
 * scatter_add    out[ids[u]] += values[order[i]],    i in starts[u] .. starts[u + 1]: sorted by the host
 * write_cache    cache[slot(b), lengths[b] + t] = rows[b, t]
 * ```
 * @module
 */
import type { Dim, KernelAttributes, View } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i64,
  type Int,
  v128,
} from "../assembler/mod.ts";
import { checkedIndex } from "./convert.ts";
import { element, keyOf, type Launch } from "./launch.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** Elements of one piece, about. */
const PIECE = 8192;

/** Rows of one piece, for rows of this many elements. */
export function rowsPerPiece(columns: number): number {
  return Math.max(1, Math.floor(PIECE / Math.max(1, columns)));
}

/** Copies a row of 4-byte elements. */
export function copyRow(
  f: FunctionBuilder,
  to: Int,
  from: Int,
  columns: number,
): void {
  const target = f.hold(to), source = f.hold(from);
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(columns), unroll: 4 },
    ({ index, ahead, rest }) => {
      const value = v128.load(element(source, index), 4 * ahead);
      storeLanes(
        f,
        { address: element(target, index), offset: 4 * ahead },
        value,
        rest,
      );
    },
  );
}

/** The dimension of a view's rows. */
function rowsOf(view: View): Dim {
  return view.shape[0];
}

/** The launches of a `scatter_rows` call: zeros everywhere, then the rows. */
export function lowerScatterRows(
  attributes: KernelAttributes["scatter_rows"],
  views: readonly [values: View, index: View, out: View],
): Launch[] {
  const { columns } = attributes;
  const dims = [attributes.count, attributes.rows];
  return [
    {
      key: keyOf("scatter_rows_clear", [columns], [attributes.rows]),
      views: [views[2]],
      writes: [0],
      dims: [attributes.rows],
      build: (k) =>
        k.ranges(k.dims[0], rowsPerPiece(columns), (from, to) => {
          // Rows are one behind the other: a range of them is one run of elements.
          const span = (i: Int) => i64.mul(i, i64.const(columns));
          vectorLoop(k.f, {
            from: span(from),
            to: k.f.local("i64", span(to)),
            unroll: 4,
          }, (lanes) => {
            const address = element(k.at[0], lanes.index);
            storeLanes(
              k.f,
              { address, offset: 4 * lanes.ahead },
              f32x4.const(0),
              lanes.rest,
            );
          });
        }),
    },
    {
      key: keyOf("scatter_rows", [columns], dims),
      views,
      writes: [2],
      dims,
      build: (k) => {
        const { f } = k;
        const [values, index, out] = k.at;
        k.ranges(
          k.dims[0],
          rowsPerPiece(columns),
          (from, to) =>
            f.for(from, to, 1, (row) => {
              // Pieces are ranges of values; indices are distinct, so no two write the same row.
              const id = checkedIndex(f, element(index, row), k.dims[1]);
              const target = element(out, i64.mul(id, i64.const(columns)));
              copyRow(
                f,
                target,
                element(values, i64.mul(row, i64.const(columns))),
                columns,
              );
            }),
        );
      },
    },
  ];
}

/** The launches of a `scatter_add` call: each id belongs to one piece, its rows are added in order. */
export function lowerScatterAdd(
  attributes: KernelAttributes["scatter_add"],
  views: readonly [
    values: View,
    order: View,
    ids: View,
    starts: View,
    out: View,
  ],
): Launch[] {
  const { columns } = attributes;
  const dims = [attributes.unique, rowsOf(views[0]), rowsOf(views[4])];
  return [{
    key: keyOf("scatter_add", [columns], dims),
    views,
    writes: [4],
    dims,
    build: (k) => {
      const { f } = k;
      const [values, order, ids, starts, out] = k.at;
      // A piece is a few ids; every row of an id is added by the worker that has the id, in the given order,
      // so that neither atomics nor chance come into it.
      k.ranges(k.dims[0], 4, (from, to) =>
        f.for(from, to, 1, (unique) => {
          const id = checkedIndex(f, element(ids, unique), k.dims[2]);
          const target = f.local(
            "i64",
            element(out, i64.mul(id, i64.const(columns))),
          );
          // Rows order[starts[unique]] .. order[starts[unique + 1] - 1] have this id.
          const first = f.local("i64", i64.load32S(element(starts, unique)));
          const end = f.local("i64", i64.load32S(element(starts, unique), 4));
          f.for(first, end, 1, (i) => {
            const row = checkedIndex(f, element(order, i), k.dims[1]);
            const source = f.local(
              "i64",
              element(values, i64.mul(row, i64.const(columns))),
            );
            // The row of out is read and written once for each of its rows: it stays in the first cache.
            vectorLoop(f, {
              from: i64.const(0),
              to: i64.const(columns),
              unroll: 2,
            }, (lanes) => {
              const offset = 4 * lanes.ahead;
              const address = f.local("i64", element(target, lanes.index));
              const added = f32x4.add(
                v128.load(address, offset),
                v128.load(element(source, lanes.index), offset),
              );
              storeLanes(f, { address, offset }, added, lanes.rest);
            });
          });
        }));
    },
  }];
}

/** The launches of a `write_cache` call. */
export function lowerWriteCache(
  attributes: KernelAttributes["write_cache"],
  views: readonly [rows: View, lengths: View, index: View, cache: View],
): Launch[] {
  const { slots, capacity, columns } = attributes;
  const dims = [attributes.B, attributes.T];
  return [{
    key: keyOf("write_cache", [slots, capacity, columns], dims),
    views,
    writes: [3],
    dims,
    build: (k) => {
      const { f } = k;
      const [rows, lengths, index, cache] = k.at;
      const [B, T] = k.dims;
      k.ranges(
        i64.mul(B, T),
        rowsPerPiece(columns),
        (from, to) =>
          f.for(from, to, 1, (row) => {
            const b = f.local("i64", i64.divU(row, T));
            const t = i64.sub(row, i64.mul(b, T));
            // Token t of row b is the (lengths[b] + t)-th of its slot; beyond the capacity nothing is written.
            const position = f.local(
              "i64",
              i64.add(i64.load32S(element(lengths, b)), t),
            );
            f.if(i64.ltU(position, i64.const(capacity)), () => {
              const slot = checkedIndex(
                f,
                element(index, b),
                i64.const(slots),
              );
              const at = i64.add(i64.mul(slot, i64.const(capacity)), position);
              const target = element(cache, i64.mul(at, i64.const(columns)));
              copyRow(
                f,
                target,
                element(rows, i64.mul(row, i64.const(columns))),
                columns,
              );
            });
          }),
      );
    },
  }];
}

/** The launches of `slice_columns` and `concat_columns`: each part is a run of columns of both sides. */
export function lowerColumns(
  rows: Dim,
  parts: readonly {
    from: View;
    to: View;
    source: ColumnSpan;
    target: ColumnSpan;
    width: number;
  }[],
): Launch[] {
  return parts.map(({ from, to, source, target, width }) => ({
    key: keyOf("columns", [source, target, width], [rows]),
    apart: true, // columns side by side
    views: [from, to],
    writes: [1],
    dims: [rows],
    build: (k) =>
      k.ranges(
        k.dims[0],
        rowsPerPiece(width),
        (first, end) =>
          k.f.for(first, end, 1, (row) => {
            // The run's first element in this row, of either side.
            const address = (base: Int, span: ColumnSpan) =>
              element(
                base,
                i64.add(
                  i64.mul(row, i64.const(span.stride)),
                  i64.const(span.offset),
                ),
              );
            copyRow(
              k.f,
              address(k.at[1], target),
              address(k.at[0], source),
              width,
            );
          }),
      ),
  }));
}

/** A run of columns: elements from row to row, and before the run. */
export interface ColumnSpan {
  readonly stride: number;
  readonly offset: number;
}

/** The launches of a `write_row` call. */
export function lowerWriteRow(
  attributes: KernelAttributes["write_row"],
  views: readonly [row: View, index: View, ring: View],
): Launch[] {
  const { slots, columns } = attributes;
  return [{
    key: keyOf("write_row", [slots, columns], []),
    views,
    writes: [2],
    dims: [],
    build: (k) =>
      k.pieces(i64.const(1), () => {
        const [row, index, ring] = k.at;
        // The ring goes round: index counts on, the slot is its remainder.
        const slot = i64.extendU(i32.remU(i32.load(index), i32.const(slots)));
        copyRow(
          k.f,
          element(ring, i64.mul(slot, i64.const(columns))),
          row,
          columns,
        );
      }),
  }];
}
