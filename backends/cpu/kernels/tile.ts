/**
 * The micro-kernel under every matrix product: up to 6 rows by 8 columns of the result are held in twelve
 * vectors, which leaves registers for two vectors of b and one broadcast number of a.
 *
 * ```text
 *           b0       b1          one turn k: 2 loads of b, 6 broadcasts of a, 12 fused multiply-adds
 *   a[0,k]  c00 ..   c01 ..
 *   ...
 *   a[5,k]  c50 ..   c51 ..
 * ```
 * Every element of the result is one chain of additions in the order of k, whatever tile it is in.
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  type FunctionRef,
  i64,
  type Int,
  type Local,
  type ModuleBuilder,
  v128,
  type Vector,
} from "../assembler/mod.ts";

/** Rows of a full tile. */
export const TILE_ROWS = 6;
/** Columns of a tile. */
export const TILE_COLUMNS = 8;

/** Where the factors of a tile lie; distances in bytes. */
export interface TileShape {
  /** 1 to 6. */
  readonly rows: number;
  /** From one row of a to the next. */
  readonly aRow: number;
  /** From one k to the next, in a. */
  readonly aStep: number;
  /** From one k to the next, in b; the eight columns are side by side. */
  readonly bStep: number;
}

/** Turns of k in one round of the loop. */
const UNROLL = 4;

/** Emits the sum over `count` turns; gives the accumulators, [row][half]. */
export function emitTile(
  f: FunctionBuilder,
  shape: TileShape,
  operands: {
    a: Int;
    b: Int;
    count: Int;
    start?: (row: number, half: number) => Vector;
  },
): Local<"v128">[][] {
  const { rows, aRow, aStep, bStep } = shape;
  const start = operands.start ?? (() => f32x4.const(0));
  const sums = Array.from(
    { length: rows },
    (_, row) => [0, 1].map((half) => f.local("v128", start(row, half))),
  );
  const a = f.local("i64", operands.a);
  const b = f.local("i64", operands.b);
  const b0 = f.local("v128"), b1 = f.local("v128"), number = f.local("v128");
  const turns = (n: number) => {
    for (let turn = 0; turn < n; turn++) {
      f.set(b0, v128.load(b, turn * bStep));
      f.set(b1, v128.load(b, turn * bStep + 16));
      for (let row = 0; row < rows; row++) {
        f.set(number, v128.load32Splat(a, row * aRow + turn * aStep));
        f.set(sums[row][0], f32x4.madd(number, b0, sums[row][0]));
        f.set(sums[row][1], f32x4.madd(number, b1, sums[row][1]));
      }
    }
    f.increase(a, i64.const(n * aStep));
    f.increase(b, i64.const(n * bStep));
  };
  const until = (end: Int, n: number) => {
    const stop = f.local("i64", end);
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.geU(b, stop));
        turns(n);
        f.branch(again);
      })
    );
  };
  const { count } = operands;
  const { constant } = count;
  const whole = constant === undefined
    ? i64.mul(i64.divU(count, i64.const(UNROLL)), i64.const(UNROLL * bStep))
    : i64.const(Math.floor(constant / UNROLL) * UNROLL * bStep);
  const end = f.local("i64", i64.add(b, i64.mul(count, i64.const(bStep))));
  if (constant === undefined || constant >= UNROLL) {
    until(i64.add(b, whole), UNROLL);
  }
  if (constant === undefined || constant % UNROLL !== 0) until(end, 1);
  return sums;
}

/** A product of blocks with literal distances in bytes, as a function (a, b, c, rows, panels, count). */
export interface BlockShape {
  readonly aRow: number;
  readonly aStep: number;
  readonly bStep: number;
  /** From one panel of eight columns of b to the next. */
  readonly bPanel: number;
  /** From one row of the result to the next; a panel's result is 32 bytes wide. */
  readonly cRow: number;
  /** Adds to what is in c. */
  readonly accumulate: boolean;
}

/** The function c (=, +=) a b over `rows` rows and `panels` panels of eight columns. */
export function blockProduct(
  module: ModuleBuilder,
  shape: BlockShape,
): FunctionRef {
  const { aRow, aStep, bStep, bPanel, cRow, accumulate } = shape;
  const key = `block ${aRow} ${aStep} ${bStep} ${bPanel} ${cRow} ${accumulate}`;
  const tile = (rows: number) =>
    module.once(
      `${key} ${rows}`,
      () =>
        module.function({ parameters: ["i64", "i64", "i64", "i64"] }, (f) => {
          const [a, b, c, count] = [0, 1, 2, 3].map((i) =>
            f.parameter("i64", i)
          );
          const start = accumulate
            ? (row: number, half: number) =>
              v128.load(c, row * cRow + 16 * half)
            : undefined;
          const sums = emitTile(f, { rows, aRow, aStep, bStep }, {
            a,
            b,
            count,
            start,
          });
          for (const [row, halves] of sums.entries()) {
            for (const [half, sum] of halves.entries()) {
              f.store(c, sum, row * cRow + 16 * half);
            }
          }
        }),
    );
  return module.once(key, () => {
    const tiles = Array.from({ length: TILE_ROWS }, (_, i) => tile(i + 1));
    return module.function({
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
    }, (f) => {
      const [a, b, c, rows, panels, count] = [0, 1, 2, 3, 4, 5].map((i) =>
        f.parameter("i64", i)
      );
      f.for(i64.const(0), rows, TILE_ROWS, (row) => {
        const aTile = f.local("i64", i64.add(a, i64.mul(row, i64.const(aRow))));
        const bTile = f.local("i64", b);
        const cTile = f.local("i64", i64.add(c, i64.mul(row, i64.const(cRow))));
        const rest = f.local("i64", i64.sub(rows, row));
        f.for(i64.const(0), panels, 1, () => {
          dispatchRows(
            f,
            rest,
            (n) => f.call(tiles[n - 1], [aTile, bTile, cTile, count]),
          );
          f.increase(bTile, i64.const(bPanel));
          f.increase(cTile, i64.const(4 * TILE_COLUMNS));
        });
      });
    });
  });
}

/** Runs the code for min(rest, 6) rows. */
export function dispatchRows(
  f: FunctionBuilder,
  rest: Int,
  body: (rows: number) => void,
): void {
  const choose = (n: number): void => {
    if (n === 1) return body(1);
    f.if(i64.geS(rest, i64.const(n)), () => body(n), () => choose(n - 1));
  };
  choose(TILE_ROWS);
}
