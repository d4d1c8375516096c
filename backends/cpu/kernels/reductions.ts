/**
 * Sums over rows, over everything, and by group. Work is cut into chunks of fixed size whose sums are added in
 * order.
 *
 * ```text
 * column_sum   rows 0 .. 255   -> chunk 0 of the temporary memory \
 *              rows 256 .. 511 -> chunk 1                          > launch 2 adds chunk 0, 1, ... in order
 *              (launch 1: a piece is a chunk of rows and 64 columns)
 * ```
 * @module
 */
import {
  type Extents,
  type KernelAttributes,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import {
  f32,
  f32x4,
  f64,
  f64x2,
  i64,
  type Int,
  type Local,
  v128,
} from "../assembler/mod.ts";
import { ExpressionEmitter } from "./expressions.ts";
import { sourcesOf, unrollOf } from "./rows.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import { laneMask, type Lanes, storeLanes, vectorLoop } from "./vector_loop.ts";

/** Rows of one chunk of a column sum, and of one block in it: chains of additions are short. */
const ROWS = 256, BLOCK_ROWS = 16;
/** Columns of one piece of a column sum. */
const COLUMNS = 64;
/** Elements of one chunk of a sum. */
const ELEMENTS = 16384;

/** The launches of a `column_sum` call. */
export function lowerColumnSum(
  attributes: KernelAttributes["column_sum"],
  inputs: readonly View[],
  out: View,
  capacities: Extents,
): Launch[] {
  const { rows, columns, of, addend } = attributes;
  const sources = addend ? inputs.slice(0, -1) : inputs;
  const integers = sources.map((v) => v.dtype === "i32");
  // Two launches: sums of chunks of rows side by side, then the chunks in order. The shape alone
  // sets the chunks, so the sum does not depend on which worker adds which chunk.
  const chunks = Math.ceil(sizeOf(rows, capacities) / ROWS);
  const bytes = 4 * Math.max(1, chunks) * columns;
  const dims = [rows];
  const last = addend ? [inputs[inputs.length - 1], out] : [out];
  return [
    {
      key: keyOf(
        "column_sum",
        [attributes.inputs, of, integers, columns],
        dims,
      ),
      views: sources,
      writes: [],
      dims,
      temporary: { bytes, use: "write" },
      build: (k) => buildColumnChunks(k, attributes, integers),
    },
    {
      key: keyOf("column_sum_chunks", [columns, addend], dims),
      views: last,
      writes: [last.length - 1],
      dims,
      temporary: { bytes, use: "read" },
      build: (k) => {
        // (chunks, columns) in the temporary memory, down the chunks for four columns at a time.
        const chunkCount = k.f.hold(i64.ceilDiv(k.dims[0], ROWS));
        k.ranges(
          i64.const(columns),
          1024,
          (from, to) =>
            vectorLoop(k.f, { from, to }, ({ index, rest }) => {
              const sum = k.f.local("v128", f32x4.const(0));
              const at = k.f.local("i64", element(k.temporary, index));
              k.f.for(i64.const(0), chunkCount, 1, () => {
                k.f.set(sum, f32x4.add(sum, v128.load(at)));
                k.f.increase(at, i64.const(4 * columns));
              });
              // The addend first, as accumulation expects: addend + sum.
              if (addend) {
                k.f.set(
                  sum,
                  f32x4.add(v128.load(element(k.at[0], index)), sum),
                );
              }
              storeLanes(
                k.f,
                { address: element(k.at[last.length - 1], index) },
                sum,
                rest,
              );
            }),
        );
      },
    },
  ];
}

function buildColumnChunks(
  k: Kernel,
  attributes: KernelAttributes["column_sum"],
  integers: readonly boolean[],
): void {
  const { f } = k;
  const { columns, of, inputs } = attributes;
  // Inputs that change from row to row are walked by pointers; the others are read where they are.
  const moving = (i: number) =>
    inputs[i] === "matrix" || inputs[i] === "column";
  const pointers = inputs.map((_, i) => moving(i) ? f.local("i64") : k.at[i]);
  const emitter = new ExpressionEmitter(
    f,
    sourcesOf(inputs, integers, pointers),
  );
  emitter.hoistToKernel([of]);
  const blocks = Math.ceil(columns / COLUMNS);
  const chunks = f.hold(i64.ceilDiv(k.dims[0], ROWS));
  // piece -> (chunk of rows, block of columns): narrow enough that the sums stay in registers.
  k.pieces(i64.mul(chunks, i64.const(blocks)), (piece) => {
    const chunk = f.local("i64", i64.divU(piece, i64.const(blocks)));
    const from = i64.mul(
      i64.sub(piece, i64.mul(chunk, i64.const(blocks))),
      i64.const(COLUMNS),
    );
    const first = f.local("i64", i64.mul(chunk, i64.const(ROWS)));
    const end = f.local("i64", i64.add(first, i64.const(ROWS)));
    f.set(end, i64.min(end, k.dims[0]));
    const index = f.local("i64", from);
    const to = f.local("i64", i64.add(index, i64.const(COLUMNS)));
    f.set(to, i64.min(to, i64.const(columns)));
    const target = (ahead: number) => ({
      address: element(
        k.temporary,
        i64.add(i64.mul(chunk, i64.const(columns)), index),
      ),
      offset: 4 * ahead,
    });
    /** Sums `vectors` times four columns, beginning at `index`, over the rows of the chunk. */
    const group = (
      vectors: number,
      store: (sum: Local<"v128">, v: number) => void,
    ): void => {
      const sums = Array.from(
        { length: vectors },
        () => f.local("v128", f32x4.const(0)),
      );
      for (const [i, pointer] of pointers.entries()) {
        if (!("index" in pointer)) continue;
        const start = inputs[i] === "matrix"
          ? i64.mul(first, i64.const(columns))
          : first;
        if (moving(i)) f.set(pointer as Local<"i64">, element(k.at[i], start));
      }
      // One row: the expression for each vector of columns, then every pointer to the next row.
      const row = (into: readonly Local<"v128">[]) => {
        emitter.beginRow();
        emitter.hoistToRow([of]);
        for (let v = 0; v < vectors; v++) {
          const lanes: Lanes = { index, ahead: 4 * v, copy: v, rest: null };
          f.set(into[v], f32x4.add(into[v], emitter.at(lanes, [of])[0]));
        }
        for (const [i, pointer] of pointers.entries()) {
          if (moving(i)) {
            f.increase(
              pointer as Local<"i64">,
              i64.const(inputs[i] === "matrix" ? 4 * columns : 4),
            );
          }
        }
      };
      // Blocks of rows are summed apart and then added: the error grows with the root of their number,
      // not with that of the rows.
      const block = sums.map(() => f.local("v128"));
      f.for(first, end, BLOCK_ROWS, (from) => {
        for (const sum of block) f.set(sum, f32x4.const(0));
        const to = f.local("i64", i64.add(from, i64.const(BLOCK_ROWS)));
        f.set(to, i64.min(to, end));
        f.for(from, to, 1, () => row(block));
        for (const [v, sum] of sums.entries()) {
          f.set(sum, f32x4.add(sum, block[v]));
        }
      });
      for (const [v, sum] of sums.entries()) store(sum, v);
    };
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.gtS(i64.add(index, i64.const(16)), to));
        // Sixteen columns at a time, then four, the last of which may be fewer.
        group(4, (sum, v) =>
          f.store(target(4 * v).address, sum, target(4 * v).offset));
        f.increase(index, i64.const(16));
        f.branch(again);
      })
    );
    f.for(index, to, 4, (i) => {
      f.set(index, i);
      const rest = f.local("i64", i64.sub(to, index));
      group(1, (sum) =>
        f.if(
          i64.geS(rest, i64.const(4)),
          () => f.store(target(0).address, sum),
          () => storeLanes(f, target(0), sum, rest),
        ));
    });
  });
}

/** The launches of a `sum` call. */
export function lowerSum(
  attributes: KernelAttributes["sum"],
  inputs: readonly View[],
  out: View,
  capacities: Extents,
): Launch[] {
  const { elements, of, addend } = attributes;
  const sources = addend ? inputs.slice(0, -1) : inputs;
  const integers = sources.map((v) => v.dtype === "i32");
  const dims = [elements];
  const bytes = 8 *
    Math.max(1, Math.ceil(sizeOf(elements, capacities) / ELEMENTS));
  const last = addend ? [inputs[inputs.length - 1], out] : [out];
  return [
    {
      key: keyOf("sum", [attributes.inputs, of, integers], dims),
      views: sources,
      writes: [],
      dims,
      temporary: { bytes, use: "write" },
      build: (k) => {
        const emitter = new ExpressionEmitter(
          k.f,
          sourcesOf(attributes.inputs, integers, k.at),
        );
        emitter.hoistToKernel([of]);
        k.ranges(k.dims[0], ELEMENTS, (from, to) => {
          // A chunk's sum in double precision, eight bytes each in the temporary memory.
          const total = sumRange(k, emitter, attributes, from, to);
          const chunk = i64.divU(from, i64.const(ELEMENTS));
          k.f.store(i64.add(k.temporary, i64.mul(chunk, i64.const(8))), total);
        });
      },
    },
    {
      key: keyOf("sum_chunks", [addend], dims),
      views: last,
      writes: [last.length - 1],
      dims,
      temporary: { bytes, use: "read" },
      build: (k) =>
        k.pieces(i64.const(1), () => {
          const { f } = k;
          const total = f.local(
            "f64",
            addend ? f64.promote(f32.load(k.at[0])) : f64.const(0),
          );
          const at = f.local("i64", k.temporary);
          f.for(
            i64.const(0),
            f.hold(i64.ceilDiv(k.dims[0], ELEMENTS)),
            1,
            () => {
              f.set(total, f64.add(total, f64.load(at)));
              f.increase(at, i64.const(8));
            },
          );
          f.store(k.at[last.length - 1], f32.demote(total));
        }),
    },
  ];
}

/** The sum of an expression over elements from .. to, in double precision at the end. */
function sumRange(
  k: Kernel,
  emitter: ExpressionEmitter,
  attributes: KernelAttributes["sum"],
  from: Int,
  to: Int,
) {
  const { f } = k;
  const unroll = unrollOf([attributes.of]);
  const sums = Array.from(
    { length: unroll },
    () => f.local("v128", f32x4.const(0)),
  );
  emitter.beginRow();
  vectorLoop(f, { from, to, unroll }, (lanes) => {
    const [value] = emitter.at(lanes, [attributes.of]);
    const counted = lanes.rest === null
      ? value
      : v128.and(value, laneMask(lanes.rest));
    f.set(sums[lanes.copy], f32x4.add(sums[lanes.copy], counted));
  });
  // Lanes and copies are added in double precision: low and high half of each, promoted.
  let all = f64.const(0);
  for (const sum of sums) {
    const high = v128.shuffle32(sum, sum, [2, 3, 0, 1]);
    const pair = f.local(
      "v128",
      f64x2.add(f64x2.promoteLow(sum), f64x2.promoteLow(high)),
    );
    all = f64.add(all, f64.add(f64x2.lane(pair, 0), f64x2.lane(pair, 1)));
  }
  return all;
}

/** The launches of a `group_sum` call: one worker, in order, in double precision. */
export function lowerGroupSum(
  attributes: KernelAttributes["group_sum"],
  views: { values: View; groups: View; addend: View; out: View },
): Launch[] {
  const { count } = attributes;
  const dims = [attributes.rows];
  return [{
    key: keyOf("group_sum", [count], dims),
    views: [views.values, views.groups, views.addend, views.out],
    writes: [3],
    dims,
    scratch: 8 * count,
    build: (k) =>
      k.pieces(i64.const(1), () => {
        const { f } = k;
        const [values, groups, addend, out] = k.at;
        const slot = (i: Int) => i64.add(k.scratch, i64.mul(i, i64.const(8)));
        f.for(i64.const(0), i64.const(count), 1, (i) =>
          f.store(slot(i), f64.promote(f32.load(element(addend, i)))));
        f.for(i64.const(0), k.dims[0], 1, (row) => {
          // Few rows and few groups: one worker, one chain a group, in the order of the rows.
          const group = f.local("i64", i64.load32S(element(groups, row)));
          f.if(i64.geU(group, i64.const(count)), () =>
            f.trap());
          const at = f.local("i64", slot(group));
          f.store(
            at,
            f64.add(f64.load(at), f64.promote(f32.load(element(values, row)))),
          );
        });
        f.for(i64.const(0), i64.const(count), 1, (i) =>
          f.store(element(out, i), f32.demote(f64.load(slot(i)))));
      }),
  }];
}
