/**
 * Matrix products of a few rows, as in decoding: b is read once, straight from its tensor, because packing
 * it would cost as much as the product.
 * @module
 */
import {
  bytesOf,
  type KernelAttributes,
  NF4_BLOCK,
  quantizedFactor,
  type View,
} from "@denotune/denotune/core";
import {
  f32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { transpose4 } from "./pack.ts";
import {
  decodeLine,
  eachSixteen,
  int8Four,
  int8Row,
  type MatrixAt,
} from "../quantized.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { laneMask, storeLanes, vectorLoop } from "../vector_loop.ts";

/** Most rows for which this is the better way; with a quantised b in the layout NT only. */
export const MOST_ROWS = 4;
/** Most rows for which a quantised b is widened in registers: two rows share what is widened once. */
const REGISTER_ROWS = 2;
/** Numbers of b in one piece, about. */
const PIECE = 1 << 16;
/** Columns of one piece of NN, at least and at most. */
const SPAN = { least: 64, most: 512 };
/** Lines of b that NN adds up at a time. */
const LINES = 8;

type Attributes = KernelAttributes["matmul"];

/** The launches of a `matmul` call of few rows, NN or NT. `rows` and `depth` are m and k at capacity. */
export function lowerFewRowsMatmul(
  attributes: Attributes,
  inputs: readonly View[],
  out: View,
  { rows, depth }: { readonly rows: number; readonly depth: number },
): Launch[] {
  const { layout, alpha, bias, addend } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  const quantized = quantizedFactor(attributes);
  const dtype = quantized === null ? inputs[1].dtype : "f32"; // as it is read
  // A piece reads some 65,000 numbers of b, whatever its shape: cut by shape alone, never by workers.
  const span = Math.max(8, Math.floor(PIECE / Math.max(1, depth) / 8) * 8);
  const columns = layout === "NT"
    ? span
    : Math.min(SPAN.most, Math.max(SPAN.least, span));
  const inRegisters = quantized !== null && rows <= REGISTER_ROWS &&
    (quantized.format === "int8" || quantized.columns % NF4_BLOCK === 0);
  return [{
    key: keyOf(
      "matmul_small",
      [layout, alpha, bias, addend, dtype, quantized, columns, inRegisters],
      dims,
    ),
    views: [...inputs, out],
    writes: [inputs.length],
    dims,
    // NN keeps a row of sums for each row of a; a quantised b keeps four widened rows.
    scratch: 4 * (quantized === null ? columns * MOST_ROWS : 4 * depth) + 64,
    build: (k) => {
      const { f } = k;
      const [batch, m, n] = k.dims;
      const blocks = f.hold(i64.ceilDiv(n, columns));
      // piece -> (matrix of the batch, run of columns).
      k.pieces(i64.mul(batch, blocks), (piece) => {
        const which = f.local("i64", i64.divU(piece, blocks));
        const from = f.local(
          "i64",
          i64.mul(i64.sub(piece, i64.mul(which, blocks)), i64.const(columns)),
        );
        const to = f.local("i64", i64.add(from, i64.const(columns)));
        f.set(to, i64.min(to, n));
        const block: Block = {
          ...attributes,
          dtype,
          from,
          to,
          matrix: null,
          inRegisters,
          ...addressesOf(k, attributes, { dtype, which }),
        };
        if (quantized !== null) {
          const matrix = { ...quantized, base: block.b };
          return dotBlock(k, { ...block, matrix }, m);
        }
        // NT reads rows of b against all rows of a; NN reads lines of b, eight at a time, for all rows of a.
        if (layout === "NT") dotBlock(k, block, m);
        else addLines(k, block, m);
      });
    },
  }];
}

/** A run of columns of the result. */
interface Block extends Attributes {
  readonly dtype: View["dtype"];
  readonly from: Int;
  readonly to: Int;
  /** Addresses of the batch's matrices. */
  readonly a: Int;
  readonly b: Int;
  readonly biasAt: Int | null;
  readonly addendAt: Int | null;
  readonly out: Int;
  /** Where b is quantised: four of its rows at a time are widened into the worker's own memory, or in registers. */
  readonly matrix: MatrixAt | null;
  readonly inRegisters: boolean;
}

function addressesOf(
  k: Kernel,
  attributes: Attributes,
  at: { dtype: View["dtype"]; which: Int },
) {
  const { f } = k;
  const [, m, n, depth] = k.dims;
  let next = 0;
  const take = () => k.at[next++];
  const matrix = (base: Int, rows: Int, columns: Int, size = 4) =>
    f.local(
      "i64",
      i64.add(
        base,
        i64.mul(at.which, i64.mul(i64.mul(rows, columns), i64.const(size))),
      ),
    );
  const a = matrix(take(), m, depth);
  const b = matrix(take(), depth, n, bytesOf(at.dtype));
  const biasAt = attributes.bias ? take() : null;
  const addendAt = attributes.addend ? matrix(take(), m, n) : null;
  return { a, b, biasAt, addendAt, out: matrix(take(), m, n) };
}

/** Stores four sums with the epilogue. */
function finish(
  k: Kernel,
  block: Block,
  at: { row: Int; column: Int; rest: Int | null },
  sum: Vector,
): void {
  const { f } = k;
  let value = block.alpha === 1
    ? sum
    : f32x4.mul(sum, f32x4.const(block.alpha));
  if (block.biasAt !== null) {
    value = f32x4.add(value, v128.load(element(block.biasAt, at.column)));
  }
  const index = f.local("i64", i64.add(i64.mul(at.row, k.dims[2]), at.column));
  if (block.addendAt !== null) {
    value = f32x4.add(value, v128.load(element(block.addendAt, index)));
  }
  storeLanes(f, { address: element(block.out, index) }, value, at.rest);
}

/** NT: rows of a with rows of b, along k; four columns at a time, one or two rows of a. */
function dotBlock(k: Kernel, block: Block, m: Int): void {
  const { f } = k;
  // Beyond the last column the last one is read again: its sums are computed and not stored.
  const last = f.local("i64", i64.sub(block.to, i64.const(1)));
  f.for(block.from, block.to, 4, (column) => {
    const rest = f.local("i64", i64.sub(block.to, column));
    const lines = [0, 1, 2, 3].map((i) => {
      const own = f.local("i64", i64.add(column, i64.const(i)));
      const line = i64.min(own, last);
      if (block.inRegisters) return f.local("i64", line);
      // four rows are widened before any row of a uses them
      if (block.matrix !== null) {
        const depth = block.matrix.columns;
        const wide = f.local(
          "i64",
          i64.add(k.scratch, i64.const(4 * depth * i)),
        );
        decodeLine(f, block.matrix, {
          row: f.local("i64", line),
          column: i64.const(0),
          count: i64.const(depth),
        }, wide);
        return wide;
      }
      return f.local(
        "i64",
        i64.add(
          block.b,
          i64.mul(i64.mul(line, k.dims[3]), i64.const(bytesOf(block.dtype))),
        ),
      );
    });
    // Two rows of a at a time share the four loads of b; an odd one is done alone.
    const row = f.local("i64", i64.const(0));
    f.block((done) =>
      f.loop((again) => {
        const left = i64.sub(m, row);
        f.branch(done, i64.leS(left, i64.const(0)));
        const rows = (count: number) => {
          dotRows(k, block, { row, column, rest, lines, count });
          f.increase(row, i64.const(count));
        };
        f.if(i64.geS(left, i64.const(2)), () => rows(2), () => rows(1));
        f.branch(again);
      })
    );
  });
}

interface Dots {
  readonly row: Int;
  readonly column: Int;
  readonly rest: Int;
  /** Addresses of four rows of b; their numbers where b is widened in registers. */
  readonly lines: readonly Int[];
  readonly count: number;
}

/**
 * Adds the products of four values of k to the sums: those from `index + ahead` on, of every row of a, with as many of
 * the columns of b in `wide`; null: a column that has its turn later.
 */
type Add = (
  at: { copy: number; index: Int; ahead: number; rest: Int | null },
  wide: readonly (Vector | null)[],
) => void;

function dotRows(k: Kernel, block: Block, dots: Dots): void {
  const { f } = k;
  const depth = k.dims[3];
  const { lines, count } = dots;
  // one row alone has two sums a column, so that additions do not wait for each other
  const copies = count === 1 ? 2 : 1;
  const size = bytesOf(block.dtype);
  // [row, or copy of the one row][column]: four lanes, each the sum over every fourth k.
  const sums = Array.from(
    { length: count * copies },
    () => lines.map(() => f.local("v128", f32x4.const(0))),
  );
  // Where the rows of a begin.
  const rows = Array.from(
    { length: count },
    (_, i) =>
      f.local(
        "i64",
        element(block.a, i64.mul(i64.add(dots.row, i64.const(i)), depth)),
      ),
  );
  const add: Add = ({ copy, index, ahead, rest }, wide) => {
    for (const [i, row] of rows.entries()) {
      const a = f.local(
        "v128",
        partOf(v128.load(element(row, index), 4 * ahead), rest),
      );
      for (const [c, b] of wide.entries()) {
        if (b === null) continue;
        const sum = sums[i * copies + copy % copies][c];
        f.set(sum, f32x4.madd(a, partOf(b, rest), sum)); // numbers beyond the rest may be NaN
      }
    }
  };
  if (block.matrix !== null && block.inRegisters) {
    if (block.matrix.format === "int8") addInt8(k, block.matrix, lines, add);
    else addNf4(k, block.matrix, lines, add);
  } else {
    vectorLoop(
      f,
      { from: i64.const(0), to: depth, unroll: copies },
      (lanes) => {
        const offset = f.local("i64", i64.mul(lanes.index, i64.const(size)));
        // Four numbers of each of the four rows of b, then each with the same four of every row of a.
        const wide = lines.map((line) =>
          f.local(
            "v128",
            loadWidened(
              f,
              block.dtype,
              i64.add(line, offset),
              lanes.ahead * size,
            ),
          )
        );
        add(lanes, wide);
      },
    );
  }
  for (let i = 0; i < count; i++) {
    // The lanes are added up at the end: transposed, four columns' partial sums become the lanes of one
    // vector, (x + y) + (z + w) for each column alike.
    const all = lines.map((_, c) => {
      const own = sums[i * copies][c];
      return copies === 1
        ? own
        : f.local("v128", f32x4.add(own, sums[i * copies + 1][c]));
    });
    const [x, y, z, w] = transpose4(f, all);
    const sum = f.local("v128", f32x4.add(f32x4.add(x, y), f32x4.add(z, w)));
    const row = f.local("i64", i64.add(dots.row, i64.const(i)));
    f.if(
      i64.geS(dots.rest, i64.const(4)),
      () => finish(k, block, { row, column: dots.column, rest: null }, sum),
      () =>
        finish(k, block, { row, column: dots.column, rest: dots.rest }, sum),
    );
  }
}

function partOf(value: Vector, rest: Int | null): Vector {
  return rest === null ? value : v128.and(value, laneMask(rest));
}

/** The four rows of an `int8` matrix, eight codes a turn: the sums are those of rows that were widened first. */
function addInt8(
  k: Kernel,
  matrix: MatrixAt,
  lines: readonly Int[],
  add: Add,
): void {
  const { f } = k;
  const rows = lines.map((line) => int8Row(f, matrix, line));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(matrix.columns), unroll: 2 },
    (lanes) => {
      const at = { index: lanes.index, second: lanes.copy === 1 };
      const wide = rows.map((row) => f.local("v128", int8Four(f, row, at)));
      add(lanes, wide);
    },
  );
}

/** The four rows of an `nf4` matrix, whose rows are whole blocks of 64 numbers, block by block. */
function addNf4(
  k: Kernel,
  matrix: MatrixAt,
  lines: readonly Int[],
  add: Add,
): void {
  const { f } = k;
  const perRow = matrix.columns / NF4_BLOCK;
  const blocks = lines.map((line) =>
    f.local("i64", i64.mul(line, i64.const(perRow)))
  );
  f.for(i64.const(0), i64.const(matrix.columns), NF4_BLOCK, (index) => {
    // one row of b after the other: its sixteen numbers are in registers together
    for (const [column, block] of blocks.entries()) {
      eachSixteen(f, matrix, block, (vectors, first) => {
        for (const [copy, four] of vectors.entries()) {
          const wide = lines.map((_, line) =>
            line === column ? f.local("v128", four) : null
          );
          add({ copy, index, ahead: first + 4 * copy, rest: null }, wide);
        }
      });
      f.increase(block, i64.const(1));
    }
  });
}

/**
 * NN: lines of b times numbers of the rows of a. The sums of all rows are in the worker's own memory; eight lines of
 * b are added to each row in turn, so that b comes from memory once and from the nearest cache for the other rows.
 */
function addLines(k: Kernel, block: Block, m: Int): void {
  const { f } = k;
  const [, , n, depth] = k.dims;
  const size = bytesOf(block.dtype);
  const width = f.local("i64", i64.sub(block.to, block.from));
  // The sums are kept in whole vectors: lanes beyond `width` are read and written, never stored to out.
  const padded = f.local(
    "i64",
    i64.mul(i64.ceilDiv(width, 4), i64.const(4)),
  );
  const sumsOf = (row: Int) => element(k.scratch, i64.mul(row, padded));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.mul(m, padded) },
    ({ index }) => f.store(element(k.scratch, index), f32x4.const(0)),
  );
  // `line` walks down the rows of b, `term` counts the terms that are added.
  const line = f.local(
    "i64",
    i64.add(block.b, i64.mul(block.from, i64.const(size))),
  );
  const stride = f.hold(i64.mul(n, i64.const(size)));
  const term = f.local("i64", i64.const(0));
  /** Adds `count` lines to every row. */
  const lines = (count: number) => {
    const starts: Local<"i64">[] = [f.local("i64", line)];
    for (let i = 1; i < count; i++) {
      starts.push(f.local("i64", i64.add(starts[i - 1], stride)));
    }
    f.for(i64.const(0), m, 1, (row) => {
      const number = f.local(
        "i64",
        element(block.a, i64.add(i64.mul(row, depth), term)),
      );
      const sums = f.local("i64", sumsOf(row));
      // Eight lines a pass: the row of sums is read and written once for eight of them.
      const factors = Array.from(
        { length: count },
        (_, i) => f.local("v128", v128.load32Splat(number, 4 * i)),
      );
      vectorLoop(f, { from: i64.const(0), to: padded }, ({ index, rest }) => {
        if (rest !== null) return; // whole vectors
        const target = f.local("i64", element(sums, index));
        const offset = f.local("i64", i64.mul(index, i64.const(size)));
        const sum = f.local("v128", v128.load(target));
        for (const [i, start] of starts.entries()) {
          f.set(
            sum,
            f32x4.madd(
              factors[i],
              loadWidened(f, block.dtype, i64.add(start, offset)),
              sum,
            ),
          );
        }
        f.store(target, sum);
      });
    });
    f.set(line, i64.add(starts[count - 1], stride));
    f.increase(term, i64.const(count));
  };
  // As many eights as there are, then one by one: the order of k, whatever the depth.
  for (const count of [LINES, 1]) {
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.gtS(i64.add(term, i64.const(count)), depth));
        lines(count);
        f.branch(again);
      })
    );
  }
  f.for(i64.const(0), m, 1, (row) => {
    const sums = f.local("i64", sumsOf(row));
    vectorLoop(f, { from: i64.const(0), to: width }, ({ index, rest }) => {
      const column = f.local("i64", i64.add(block.from, index));
      finish(k, block, { row, column, rest }, v128.load(element(sums, index)));
    });
  });
}
