/**
 * NT of few rows: rows of a with rows of b, along k.
 * @module
 */
import { bytesOf, NF4_BLOCK } from "@denotune/denotune/core";
import {
  f32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { type Block, finish } from "./few_rows_block.ts";
import { element, type Kernel } from "../launch.ts";
import { transpose4 } from "./pack.ts";
import {
  decodeLine,
  eachSixteen,
  int8Four,
  int8Row,
  type MatrixAt,
} from "../quantized.ts";
import { laneMask, vectorLoop } from "../vector_loop.ts";

/** Rows of a with rows of b; four columns at a time, one or two rows of a. */
export function dotBlock(k: Kernel, block: Block, m: Int): void {
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

/** Adds the products of four values of k to the sums of a column: those from `index + ahead` on, of every row of a. */
type Add = (
  at: {
    column: number;
    copy: number;
    index: Int;
    ahead: number;
    rest: Int | null;
  },
  wide: Vector,
) => void;

/**
 * One or two rows of a with four rows of b. One row of a takes one row of b after the other: memory is then read from
 * one place on, and the processor fetches what follows; four rows side by side come at half the speed. Two rows of a
 * would wait for their own sums that way, and take the four side by side.
 */
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
  const add: Add = ({ column, copy, index, ahead, rest }, wide) => {
    const b = f.local("v128", partOf(wide, rest)); // numbers beyond the rest may be NaN
    for (const [i, row] of rows.entries()) {
      const a = partOf(v128.load(element(row, index), 4 * ahead), rest);
      const sum = sums[i * copies + copy % copies][column];
      f.set(sum, f32x4.madd(a, b, sum));
    }
  };
  // one row of b at a time, or all four side by side
  const groups = count === 1 ? lines.map((_, c) => [c]) : [[0, 1, 2, 3]];
  for (const columns of groups) {
    if (block.matrix !== null && block.inRegisters) {
      const { matrix } = block;
      if (matrix.format === "int8") addInt8(k, { matrix, lines, columns }, add);
      else addNf4(k, { matrix, lines, columns }, add);
      continue;
    }
    vectorLoop(
      f,
      { from: i64.const(0), to: depth, unroll: 2 },
      (lanes) => {
        const offset = f.local("i64", i64.mul(lanes.index, i64.const(size)));
        for (const column of columns) {
          const at = i64.add(lines[column], offset);
          const wide = loadWidened(f, block.dtype, at, lanes.ahead * size);
          add({ ...lanes, column }, wide);
        }
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

/** Some of the four rows of a quantised matrix, by their numbers. */
interface QuantizedLines {
  readonly matrix: MatrixAt;
  readonly lines: readonly Int[];
  readonly columns: readonly number[];
}

/** Rows of an `int8` matrix, eight codes a turn: the sums are those of rows that were widened first. */
function addInt8(
  k: Kernel,
  { matrix, lines, columns }: QuantizedLines,
  add: Add,
): void {
  const { f } = k;
  const rows = columns.map((c) => int8Row(f, matrix, lines[c]));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(matrix.columns), unroll: 2 },
    (lanes) => {
      const at = { index: lanes.index, second: lanes.copy === 1 };
      for (const [i, column] of columns.entries()) {
        add({ ...lanes, column }, int8Four(f, rows[i], at));
      }
    },
  );
}

/** Rows of an `nf4` matrix, which are whole blocks of 64 numbers, block by block. */
function addNf4(
  k: Kernel,
  { matrix, lines, columns }: QuantizedLines,
  add: Add,
): void {
  const { f } = k;
  const perRow = i64.const(matrix.columns / NF4_BLOCK);
  const blocks = columns.map((c) => f.local("i64", i64.mul(lines[c], perRow)));
  f.for(i64.const(0), i64.const(matrix.columns), NF4_BLOCK, (index) => {
    // one row of b after the other: its sixteen numbers are in registers together
    for (const [i, column] of columns.entries()) {
      eachSixteen(f, matrix, blocks[i], (vectors, first) => {
        for (const [copy, four] of vectors.entries()) {
          const ahead = first + 4 * copy;
          add({ column, copy, index, ahead, rest: null }, four);
        }
      });
      f.increase(blocks[i], i64.const(1));
    }
  });
}
