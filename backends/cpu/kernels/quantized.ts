/**
 * Matrices of 8 or 4 bits, widened to float32: every product and sum is rounded alone, as the layout's
 * description in the core asks for, so that the numbers are those of every other backend.
 * @module
 */
import {
  int8Layout,
  NF4_BLOCK,
  NF4_LEVELS,
  nf4Layout,
  type QuantizedShape,
  type View,
} from "@denotune/denotune/device";
import {
  f32,
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  i8x16,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { rowsPerPiece } from "./row_moves.ts";
import { element, keyOf, type Launch } from "./launch.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** The launch that widens a whole matrix, into a tensor or into the memory that a call's launches share. */
export function lowerDequantize(
  shape: QuantizedShape,
  views: { readonly x: View; readonly out: View | null },
): Launch {
  const { rows, columns } = shape;
  const { x, out } = views;
  return {
    key: keyOf("dequantize", [shape, out === null], []),
    views: out === null ? [x] : [x, out],
    writes: out === null ? [] : [1],
    dims: [],
    temporary: out === null
      ? { bytes: 4 * rows * columns, use: "write" }
      : undefined,
    build: (k) =>
      k.ranges(i64.const(rows), rowsPerPiece(columns), (from, to) => {
        const target = out === null ? k.temporary : k.at[1];
        const start = i64.mul(from, i64.const(columns));
        decodeRows(
          k.f,
          { ...shape, base: k.at[0] },
          { from, count: k.f.local("i64", i64.sub(to, from)) },
          element(target, start),
        );
      }),
  };
}

/** A quantised matrix at an address. */
export interface MatrixAt extends QuantizedShape {
  readonly base: Int;
}

/** Widens whole rows, one behind the other. */
export function decodeRows(
  f: FunctionBuilder,
  matrix: MatrixAt,
  rows: { from: Int; count: Int },
  target: Int,
): void {
  const columns = i64.const(matrix.columns);
  const start = i64.const(0);
  if (matrix.format === "nf4") { // rows are nothing to it: one run
    return decodeLine(f, matrix, {
      row: rows.from,
      column: start,
      count: i64.mul(rows.count, columns),
    }, target);
  }
  const to = f.local("i64", target);
  f.for(start, rows.count, 1, (row) => {
    const own = f.local("i64", i64.add(rows.from, row));
    decodeLine(f, matrix, { row: own, column: start, count: columns }, to);
    f.increase(to, i64.const(4 * matrix.columns));
  });
}

/** Widens `count` numbers of a row from `column` on (in `nf4` also of the rows behind it). */
export function decodeLine(
  f: FunctionBuilder,
  matrix: MatrixAt,
  line: { row: Int; column: Int; count: Int },
  target: Int,
): void {
  if (matrix.format === "int8") decodeInt8(f, matrix, line, target);
  else decodeNf4(f, matrix, line, target);
}

type Line = Parameters<typeof decodeLine>[2];

function firstOf(
  { columns }: MatrixAt,
  { row, column }: Pick<Line, "row" | "column">,
): Int {
  return i64.add(i64.mul(row, i64.const(columns)), column);
}

/** A signed byte for each number, times the scale of its row. */
function decodeInt8(
  f: FunctionBuilder,
  matrix: MatrixAt,
  line: Line,
  target: Int,
): void {
  // One scale a row: number = code * scale.
  const { scales } = int8Layout(matrix);
  const scale = f.local(
    "v128",
    v128.load32Splat(element(matrix.base, line.row), 4 * scales),
  );
  const codes = f.local("i64", i64.add(matrix.base, firstOf(matrix, line)));
  const to = f.hold(target);
  vectorLoop(
    f,
    { from: i64.const(0), to: line.count, unroll: 4 },
    ({ index, ahead, rest }) => {
      // Eight codes are loaded, the low four of them used; signs are kept by both widenings.
      const four = v128.load8x8S(i64.add(codes, index), ahead);
      const wide = f32x4.fromI32(i32x4.extendLowS(four));
      storeLanes(
        f,
        { address: element(to, index), offset: 4 * ahead },
        f32x4.mul(wide, scale),
        rest,
      );
    },
  );
}

/** A row of an `int8` matrix: where its codes begin, and its scale in every lane. */
export interface Int8Row {
  readonly codes: Int;
  readonly scale: Vector;
}

/** Row `row` of the matrix. */
export function int8Row(
  f: FunctionBuilder,
  matrix: MatrixAt,
  row: Int,
): Int8Row {
  const { scales } = int8Layout(matrix);
  const first = firstOf(matrix, { row, column: i64.const(0) });
  return {
    codes: f.local("i64", i64.add(matrix.base, first)),
    scale: f.local(
      "v128",
      v128.load32Splat(element(matrix.base, row), 4 * scales),
    ),
  };
}

/** Four numbers of a row from column `index` on; the row may end among them. */
export function int8Four(
  f: FunctionBuilder,
  { codes, scale }: Int8Row,
  index: Int,
): Vector {
  const eight = v128.load8x8S(i64.add(codes, index));
  return f.local(
    "v128",
    f32x4.mul(f32x4.fromI32(i32x4.extendLowS(eight)), scale),
  );
}

/** Byte i of four codes as the highest byte of lane i; numbers from 128 on give zeros. */
const TOP_BYTES = [0, 4, 8, 12].map((first) =>
  [0, 1, 2, 3].flatMap((i) => [128, 128, 128, first + i])
);

/** A code in the highest byte of its lane is so many times too large: scales are made as much smaller, exactly. */
export const INT8_TOP: number = 2 ** -24;

/**
 * Vector `four` of the four that sixteen codes give. A code is moved to the highest byte of its lane, which keeps its
 * sign and is one instruction; `scale` is the row's times {@linkcode INT8_TOP}.
 */
export function int8OfSixteen(
  codes: Vector,
  scale: Vector,
  four: number,
): Vector {
  const top = i8x16.lookUp(codes, i8x16.const(TOP_BYTES[four]));
  return f32x4.mul(f32x4.fromI32(top), scale);
}

/** The 64 numbers of a block of `nf4` in registers, sixteen at a time: `body(four vectors, their first number)`. */
export function eachSixteen(
  f: FunctionBuilder,
  matrix: MatrixAt,
  block: Int,
  body: (four: readonly Vector[], first: number) => void,
): void {
  const wide = f.local("v128", f32x4.splat(scaleOf(matrix, block)));
  const bytes = f.local(
    "i64",
    i64.add(matrix.base, i64.mul(block, i64.const(NF4_BLOCK / 2))),
  );
  for (let first = 0; first < NF4_BLOCK; first += 16) {
    const levels = sixteen(f, bytes, first / 2);
    body(levels.map((four) => f32x4.mul(four, wide)), first);
  }
}

function decodeNf4(
  f: FunctionBuilder,
  matrix: MatrixAt,
  line: Line,
  target: Int,
): void {
  const { base } = matrix;
  // Numbers at .. end of the whole matrix, block by block of 64: each block has a scale of its own.
  const at = f.local("i64", firstOf(matrix, line));
  const end = f.local("i64", i64.add(at, line.count));
  const to = f.local("i64", target);
  const stop = f.local("i64");
  const scale = f.local("f32");
  f.block((done) =>
    f.loop((nextBlock) => {
      f.branch(done, i64.geS(at, end));
      const block = f.local("i64", i64.divU(at, i64.const(NF4_BLOCK)));
      f.set(scale, scaleOf(matrix, block));
      const wide = f.local("v128", f32x4.splat(scale));
      f.set(
        stop,
        i64.mul(i64.add(block, i64.const(1)), i64.const(NF4_BLOCK)),
      );
      f.set(stop, i64.min(stop, end));
      f.block((blockDone) =>
        f.loop((again) => {
          f.branch(blockDone, i64.geS(at, stop));
          // Two numbers a byte. Sixteen at once where they begin with a whole byte, else one.
          const byte = f.local(
            "i64",
            i64.add(base, i64.shrU(at, i64.const(1))),
          );
          const odd = f.local("i64", i64.and(at, i64.const(1)));
          // sixteen begin with a whole byte
          const whole = i64.geS(
            i64.sub(i64.sub(stop, at), i64.mul(odd, i64.const(NF4_BLOCK))),
            i64.const(16),
          );
          f.if(whole, () => {
            for (const [i, four] of sixteen(f, byte).entries()) {
              f.store(to, f32x4.mul(four, wide), 16 * i);
            }
            f.increase(at, i64.const(16));
            f.increase(to, i64.const(64));
          }, () => {
            f.store(to, f32.mul(oneLevel(matrix, byte, odd), scale));
            f.increase(at, i64.const(1));
            f.increase(to, i64.const(4));
          });
          f.branch(again);
        })
      );
      f.branch(nextBlock);
    })
  );
}

/** map[absmax[block]] * groups[block / 256] + offset */
function scaleOf(matrix: MatrixAt, block: Int): ReturnType<typeof f32.add> {
  const { absmax, groups, offset, map } = nf4Layout(matrix);
  const { base } = matrix;
  const code = i64.extendU(i32.load8U(i64.add(base, block), 4 * absmax));
  const size = f32.load(element(base, code), 4 * map);
  const group = f32.load(
    element(base, i64.shrU(block, i64.const(8))),
    4 * groups,
  );
  return f32.add(f32.mul(size, group), f32.load(base, 4 * offset));
}

/** The level of one number: in the lower half of its byte, or in the upper where `odd` is 1. */
function oneLevel(
  matrix: MatrixAt,
  byte: Int,
  odd: Int,
): ReturnType<typeof f32.load> {
  const shift = i32.wrap(i64.mul(odd, i64.const(4)));
  const code = i32.and(i32.shrU(i32.load8U(byte), shift), i32.const(15));
  return f32.load(
    element(matrix.base, i64.extendU(code)),
    4 * nf4Layout(matrix).levels,
  );
}

/** Bytes 0, 1, 2 and 3 of every level: a float32 is looked up a byte at a time. */
const PLANES: readonly (readonly number[])[] = [0, 1, 2, 3].map((byte) =>
  NF4_LEVELS.map((level) => new Uint8Array(Float32Array.of(level).buffer)[byte])
);

const LOW = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const HIGH = LOW.map((lane) => lane + 8);
const LOW_PAIRS = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
const HIGH_PAIRS = LOW_PAIRS.map((lane) => lane + 8);

/** The levels of sixteen numbers in eight bytes, four a vector. */
function sixteen(f: FunctionBuilder, byte: Int, offset = 0): Local<"v128">[] {
  const hold = (value: Vector) => f.local("v128", value);
  const packed = hold(v128.load64Zero(byte, offset));
  const nibble = i8x16.const(Array(16).fill(15));
  // words are shifted: the bits that come from the next byte are masked off
  const upper = v128.and(i32x4.shrU(packed, 4), nibble);
  const codes = hold(v128.shuffle8(v128.and(packed, nibble), upper, LOW));
  // Four byte lookups by the codes give the four bytes of every float32; interleaved twice they become
  // four vectors of floats.
  const planes = PLANES.map((plane) =>
    hold(i8x16.lookUp(i8x16.const(plane), codes))
  );
  const pair = (i: number, lanes: readonly number[]) =>
    hold(v128.shuffle8(planes[i], planes[i + 1], lanes));
  const [low, lowUpper] = [pair(0, LOW), pair(2, LOW)];
  const [high, highUpper] = [pair(0, HIGH), pair(2, HIGH)];
  return [
    v128.shuffle8(low, lowUpper, LOW_PAIRS),
    v128.shuffle8(low, lowUpper, HIGH_PAIRS),
    v128.shuffle8(high, highUpper, LOW_PAIRS),
    v128.shuffle8(high, highUpper, HIGH_PAIRS),
  ].map(hold);
}
