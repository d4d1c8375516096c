/**
 * Puts the second factor of a product into panels of eight columns, k after k, widened to float32: what the
 * micro-kernel reads in one stream. Panels may hold numbers of no meaning beyond the last column; they only
 * reach results that are not stored.
 * @module
 */
import { bytesOf, type DType } from "@denotune/denotune/device";
import {
  type FunctionBuilder,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { decodeLine, decodeRows, type MatrixAt } from "../quantized.ts";
import { TILE_COLUMNS } from "./tile.ts";

/** Bytes of one k of a panel. */
const LINE = 4 * TILE_COLUMNS;

/** Transposes four vectors. */
export function transpose4(
  f: FunctionBuilder,
  rows: readonly Vector[],
): Vector[] {
  const pair = (a: Vector, b: Vector, lanes: readonly number[]) =>
    f.local("v128", v128.shuffle32(a, b, lanes));
  // Pairs of rows are interleaved by halves, then the halves of pairs are put together: eight shuffles.
  const low01 = pair(rows[0], rows[1], [0, 4, 1, 5]);
  const high01 = pair(rows[0], rows[1], [2, 6, 3, 7]);
  const low23 = pair(rows[2], rows[3], [0, 4, 1, 5]);
  const high23 = pair(rows[2], rows[3], [2, 6, 3, 7]);
  return [
    v128.shuffle32(low01, low23, [0, 1, 4, 5]),
    v128.shuffle32(low01, low23, [2, 3, 6, 7]),
    v128.shuffle32(high01, high23, [0, 1, 4, 5]),
    v128.shuffle32(high01, high23, [2, 3, 6, 7]),
  ];
}

/**
 * Packs columns that are rows of memory (`b` of NT, keys of attention): `columns` of them from `source`,
 * each `count` numbers long, `stride` bytes apart. The last column is packed again for those that are missing in the
 * last panel.
 */
export function packTransposed(
  f: FunctionBuilder,
  source: { at: Int; stride: Int; dtype: DType; columns: Int; count: Int },
  target: Int,
): void {
  const { at, stride, dtype, columns, count } = source;
  const line = f.local("i64", target);
  const size = bytesOf(dtype);
  const last = f.local("i64", i64.sub(columns, i64.const(1)));
  f.for(i64.const(0), columns, TILE_COLUMNS, (column) => {
    // Eight columns a panel, each with a pointer of its own that walks along k.
    const pointers = Array.from({ length: TILE_COLUMNS }, (_, i) => {
      const own = f.local("i64", i64.add(column, i64.const(i)));
      return f.local("i64", i64.add(at, i64.mul(i64.min(own, last), stride)));
    });
    const four = () => {
      // Four numbers of each of the eight columns become four lines of eight.
      const loaded = pointers.map((p) =>
        f.local("v128", loadWidened(f, dtype, p))
      );
      const left = transpose4(f, loaded.slice(0, 4));
      const right = transpose4(f, loaded.slice(4));
      return left.map((l, i) => [l, right[i]]);
    };
    const storeLine = (halves: readonly Vector[], i: number) => {
      f.store(line, halves[0], i * LINE);
      f.store(line, halves[1], i * LINE + 16);
    };
    // Four k at a time; `rest` counts down to the remainder, 0 to 3.
    const rest = f.local("i64", count);
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.ltS(rest, i64.const(4)));
        for (const [i, halves] of four().entries()) storeLine(halves, i);
        for (const p of pointers) f.increase(p, i64.const(4 * size));
        f.increase(line, i64.const(4 * LINE));
        f.increase(rest, i64.const(-4));
        f.branch(again);
      })
    );
    if (count.constant === undefined || count.constant % 4 !== 0) {
      f.if(i64.gtS(rest, i64.const(0)), () => {
        // The loads read beyond the columns' ends (there is room behind every buffer); only lines that exist
        // are stored.
        const lines = four().map((halves) =>
          halves.map((h) => f.local("v128", h))
        );
        for (let i = 0; i < 3; i++) {
          f.if(i64.gtS(rest, i64.const(i)), () => storeLine(lines[i], i));
        }
        f.increase(line, i64.mul(rest, i64.const(LINE)));
      });
    }
  });
}

/**
 * Packs columns that are side by side (`b` of NN and TN): `columns` of them from `source`, in `count` lines,
 * `stride` bytes apart.
 */
export function packStraight(
  f: FunctionBuilder,
  source: { at: Int; stride: Int; dtype: DType; columns: Int; count: Int },
  target: Int,
): void {
  const { stride, dtype, columns, count } = source;
  const size = bytesOf(dtype);
  const row = f.local("i64", source.at);
  const line = f.local("i64", target);
  const panels = f.local("i64", i64.ceilDiv(columns, TILE_COLUMNS));
  const panelBytes = f.local("i64", i64.mul(count, i64.const(LINE)));
  // A line of b is spread over all panels, which are `panelBytes` apart: reads are in order, writes are not,
  // which is the cheaper way round for lines of hundreds of numbers.
  f.for(i64.const(0), count, 1, () => {
    const from = f.local("i64", row);
    const to = f.local("i64", line);
    f.for(i64.const(0), panels, 1, () => {
      f.store(to, loadWidened(f, dtype, from), 0);
      f.store(to, loadWidened(f, dtype, from, 4 * size), 16);
      f.increase(from, i64.const(TILE_COLUMNS * size));
      f.increase(to, panelBytes);
    });
    f.increase(row, stride);
    f.increase(line, i64.const(LINE));
  });
}

/**
 * Packs columns of a quantised matrix: widens them to float32 at `wide`, in its own layout, and packs them
 * from there. `straight`: its rows are the lines of b (NN, TN); else they are its columns (NT).
 */
export function packQuantized(
  f: FunctionBuilder,
  source: {
    matrix: MatrixAt;
    straight: boolean;
    column0: Int;
    columns: Int;
    /** Panels that there is room for. */
    panels: number;
    wide: Int;
  },
  target: Int,
): void {
  const { matrix, straight, column0, columns, panels } = source;
  const at = f.local("i64", source.wide);
  const depth = straight ? matrix.rows : matrix.columns;
  const stride = straight ? panels * LINE : 4 * depth;
  if (straight) {
    const line = f.local("i64", at);
    f.for(i64.const(0), i64.const(depth), 1, (row) => {
      decodeLine(f, matrix, { row, column: column0, count: columns }, line);
      f.increase(line, i64.const(stride));
    });
  } else decodeRows(f, matrix, { from: column0, count: columns }, at);
  const pack = straight ? packStraight : packTransposed;
  pack(f, {
    at,
    stride: i64.const(stride),
    dtype: "f32",
    columns,
    count: i64.const(depth),
  }, target);
}
