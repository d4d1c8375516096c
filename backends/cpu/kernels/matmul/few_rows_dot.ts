/**
 * NT of few rows: rows of a with rows of b, along k.
 * @module
 */
import { bytesOf, NF4_BLOCK } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i64,
  type Int,
  type Local,
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
  INT8_TOP,
  int8Four,
  int8OfSixteen,
  int8Row,
  type MatrixAt,
} from "../quantized.ts";
import { laneMask, vectorLoop } from "../vector_loop.ts";

/**
 * How far ahead codes are touched. Two short rows side by side end before the processor has seen that it could fetch
 * ahead, so one byte of each line of memory is read in time, in the order of memory: 1.6 times as fast.
 */
const AHEAD_BYTES = 2048;

/** Reads ahead of a product, line of memory by line. */
interface ReadAhead {
  /** The next line's address, no further than `last`. */
  readonly at: Local<"i64">;
  readonly last: Int;
  /** All that was read: what nobody uses is not read. */
  readonly seen: Local<"i32">;
}

/** Touches the next 64 bytes. */
function touch(f: FunctionBuilder, { at, last, seen }: ReadAhead): void {
  f.set(seen, i32.or(seen, i32.load8U(at)));
  f.increase(at, i64.const(64));
  f.set(at, i64.min(at, last));
}

/** Begins ahead of the first code of rows `from` .. `to`. */
function readAhead(
  f: FunctionBuilder,
  matrix: MatrixAt,
  { from, to }: { from: Int; to: Int },
): ReadAhead {
  const codesOf = (row: Int) =>
    i64.add(matrix.base, i64.mul(row, i64.const(matrix.columns)));
  const last = f.local("i64", i64.sub(codesOf(to), i64.const(1)));
  const at = f.local("i64", i64.add(codesOf(from), i64.const(AHEAD_BYTES)));
  f.set(at, i64.min(at, last));
  return { at, last, seen: f.local("i32") };
}

/** Rows of a with rows of b; four columns at a time, one or two rows of a. */
export function dotBlock(k: Kernel, block: Block, m: Int): void {
  const { f } = k;
  const { matrix } = block;
  const ahead = block.inRegisters && matrix?.format === "int8"
    ? readAhead(f, matrix, block)
    : null;
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
          dotRows(k, block, { row, column, rest, lines, count, ahead });
          f.increase(row, i64.const(count));
        };
        f.if(i64.geS(left, i64.const(2)), () => rows(2), () => rows(1));
        f.branch(again);
      })
    );
  });
  if (ahead !== null) f.store(k.scratch, ahead.seen);
}

interface Dots {
  readonly row: Int;
  readonly column: Int;
  readonly rest: Int;
  /** Addresses of four rows of b; their numbers where b is widened in registers. */
  readonly lines: readonly Int[];
  readonly count: number;
  readonly ahead: ReadAhead | null;
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
 * would wait for their own sums that way, and take the four side by side. Codes of 8 bits, which cost more to widen
 * than to fetch, are taken two rows side by side, so that numbers of a are loaded half as often.
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
    () => lines.map(() => f.local("v128")),
  );
  // the sum of both copies
  const totals = copies === 1 ? sums : [lines.map(() => f.local("v128"))];
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
  const addAll = (columns: readonly number[]) => {
    const { matrix } = block;
    if (matrix !== null && block.inRegisters) {
      const quantized = { matrix, lines, columns };
      if (matrix.format === "nf4") return addNf4(k, quantized, add);
      const { ahead } = dots;
      return addInt8(k, { ...quantized, rows, sums, ahead }, add);
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
  };
  for (const columns of groupsOf(block, count)) {
    // sums begin here and are put together below, so that few of them need a register at a time
    for (const c of columns) {
      for (const sum of sums) f.set(sum[c], f32x4.const(0));
    }
    addAll(columns);
    if (copies === 1) continue;
    for (const c of columns) {
      f.set(totals[0][c], f32x4.add(sums[0][c], sums[1][c]));
    }
  }
  for (let i = 0; i < count; i++) {
    // The lanes are added up at the end: transposed, four columns' partial sums become the lanes of one
    // vector, (x + y) + (z + w) for each column alike.
    const [x, y, z, w] = transpose4(f, totals[i]);
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

/** Which of the four rows of b are taken side by side. */
function groupsOf(block: Block, rows: number): readonly (readonly number[])[] {
  if (block.inRegisters && block.matrix?.format === "int8") {
    return [[0, 1], [2, 3]];
  }
  return rows === 1 ? [[0], [1], [2], [3]] : [[0, 1, 2, 3]];
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

/** Codes that a turn takes of each row: with two rows, a line of memory. */
const TURN = 32;

/** Rows of an `int8` matrix: the sums are those of rows that were widened first. */
function addInt8(
  k: Kernel,
  { matrix, lines, columns, rows, sums, ahead }: QuantizedLines & {
    /** Addresses of the rows of a. */
    readonly rows: readonly Int[];
    /** [row, or copy of the one row][column] */
    readonly sums: readonly (readonly Local<"v128">[])[];
    readonly ahead: ReadAhead | null;
  },
  add: Add,
): void {
  const { f } = k;
  const ofB = columns.map((c) => int8Row(f, matrix, lines[c]));
  const scales = ofB.map(({ scale }) =>
    f.local("v128", f32x4.mul(scale, f32x4.const(INT8_TOP)))
  );
  const codesAt = ofB.map(({ codes }) => f.local("i64", codes));
  const numbersAt = rows.map((row) => f.local("i64", row));
  const copies = sums.length / rows.length;
  const whole = matrix.columns - matrix.columns % TURN;
  f.for(i64.const(0), i64.const(whole), TURN, () => {
    for (let first = 0; first < TURN; first += 16) {
      const codes = codesAt.map((at) => f.local("v128", v128.load(at, first)));
      for (let four = 0; four < 4; four++) {
        const a = numbersAt.map((at) =>
          f.local("v128", v128.load(at, 4 * first + 16 * four))
        );
        for (const [i, column] of columns.entries()) {
          const b = f.local("v128", int8OfSixteen(codes[i], scales[i], four));
          for (const [r, number] of a.entries()) {
            const sum = sums[r * copies + four % copies][column];
            f.set(sum, f32x4.madd(number, b, sum));
          }
        }
      }
    }
    if (ahead !== null) touch(f, ahead);
    for (const at of codesAt) f.increase(at, i64.const(TURN));
    for (const at of numbersAt) f.increase(at, i64.const(4 * TURN));
  });
  vectorLoop(
    f,
    { from: i64.const(whole), to: i64.const(matrix.columns), unroll: 2 },
    (lanes) => {
      const index = f.local(
        "i64",
        i64.add(lanes.index, i64.const(lanes.ahead)),
      );
      for (const [i, column] of columns.entries()) {
        add({ ...lanes, column }, int8Four(f, ofB[i], index));
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
