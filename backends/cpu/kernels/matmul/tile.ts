/**
 * The micro-kernel under every matrix product: up to 6 rows by 8 columns of the result are held in twelve
 * vectors, which leaves registers for two vectors of b and one broadcast number of a.
 *
 * ```text
 *           b0       b1          one k: 2 loads of b, 6 broadcasts of a, 12 fused multiply-adds
 *   a[0,k]  c00 ..   c01 ..
 *   ...
 *   a[5,k]  c50 ..   c51 ..
 * ```
 * Here every element of the result is one chain of additions in the order of k, whatever tile it is in;
 * `long_sums.ts` cuts long ones.
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
} from "../../assembler/mod.ts";

/** Rows of a full tile. */
export const TILE_ROWS = 6;
/** Columns of a tile. */
export const TILE_COLUMNS = 8;

/** The strides of a tile's factors, in bytes. */
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

/** Values of k in one iteration of the loop. */
export const UNROLL = 4;

/** Accumulators of a tile, [row][half]. */
export type Sums = readonly (readonly Local<"v128">[])[];

/** New accumulators: 0, or `start`. */
export function sumsOf(
  f: FunctionBuilder,
  rows: number,
  start: (row: number, half: number) => Vector = () => f32x4.const(0),
): Sums {
  return Array.from(
    { length: rows },
    (_, row) => [0, 1].map((half) => f.local("v128", start(row, half))),
  );
}

/** The loop over k of one tile, as code that walks along both factors. */
export class KLoop {
  /** Address in b. */
  readonly b: Local<"i64">;
  readonly #a: Local<"i64">;
  readonly #lines: readonly [Local<"v128">, Local<"v128">];
  readonly #number: Local<"v128">;

  constructor(
    readonly f: FunctionBuilder,
    readonly shape: TileShape,
    readonly sums: Sums,
    from: { a: Int; b: Int },
  ) {
    this.#a = f.local("i64", from.a);
    this.b = f.local("i64", from.b);
    this.#lines = [f.local("v128"), f.local("v128")];
    this.#number = f.local("v128");
  }

  /** Emits `count` values of k, unrolled; with `fresh` the first sets the sums instead of adding to them. */
  emit(count: number, { fresh }: { fresh: boolean }): void {
    const { f } = this;
    const { aRow, aStep, bStep } = this.shape;
    for (let i = 0; i < count; i++) {
      for (const [half, line] of this.#lines.entries()) {
        f.set(line, v128.load(this.b, i * bStep + 16 * half));
      }
      for (const [row, halves] of this.sums.entries()) {
        const number = this.#number;
        f.set(number, v128.load32Splat(this.#a, row * aRow + i * aStep));
        for (const [half, sum] of halves.entries()) {
          const line = this.#lines[half];
          f.set(
            sum,
            fresh && i === 0
              ? f32x4.mul(number, line)
              : f32x4.madd(number, line, sum),
          );
        }
      }
    }
    f.increase(this.#a, i64.const(count * aStep));
    f.increase(this.b, i64.const(count * bStep));
  }

  /** Address in b after `count` more values of k. */
  after(count: Int): Int {
    return i64.add(this.b, i64.mul(count, i64.const(this.shape.bStep)));
  }

  /** Runs `body` until b reaches `end`. */
  until(end: Int, body: () => void): void {
    const { f } = this;
    const stop = f.local("i64", end);
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.geU(this.b, stop));
        body();
        f.branch(again);
      })
    );
  }

  /** Adds the products of `count` values of k to the sums. */
  chain(count: Int): void {
    const { constant } = count;
    const end = this.f.local("i64", this.after(count));
    if (constant === undefined || constant >= UNROLL) {
      this.until(
        this.after(wholeOf(count, UNROLL)),
        () => this.emit(UNROLL, { fresh: false }),
      );
    }
    if (constant === undefined || constant % UNROLL !== 0) {
      this.until(end, () => this.emit(1, { fresh: false }));
    }
  }
}

/** `count` without the remainder after whole units. */
export function wholeOf(count: Int, unit: number): Int {
  return count.constant === undefined
    ? i64.mul(i64.divU(count, i64.const(unit)), i64.const(unit))
    : i64.const(count.constant - count.constant % unit);
}

/**
 * What a product of blocks with a triangle of zeros leaves out, six rows at a time: row i counts up to column or term
 * i + diagonal.
 *
 * ```text
 * columns        terms          terms after
 * x x . . . .    x x . . . .    x x x x x x    x: multiplied   .: columns are left as they are, terms are 0
 * x x x x . .    x x x x . .    . . x x x x    "terms after" has the zeros of the transposed triangle:
 * x x x x x x    x x x x x x    . . . . x x    row i counts from term i - diagonal + 1 on
 * ```
 */
export type Triangle = "columns" | "terms" | "terms after";

/** A product of blocks with literal distances in bytes, as a function (a, b, c, rows, panels, count, diagonal). */
export interface BlockShape {
  readonly aRow: number;
  readonly aStep: number;
  readonly bStep: number;
  /** From one panel of eight columns of b to the next. */
  readonly bPanel: number;
  /** From one row of the result to the next; a panel's result is 32 bytes wide. */
  readonly cRow: number;
  /** Adds to the values in c. */
  readonly accumulate: boolean;
  /** Null: nothing is left out, and the diagonal is not read. */
  readonly triangle: Triangle | null;
}

/** The function c (=, +=) a b over `rows` rows and `panels` panels of eight columns. */
export function blockProduct(
  module: ModuleBuilder,
  shape: BlockShape,
): FunctionRef {
  const { aRow, aStep, bStep, bPanel, cRow, accumulate, triangle } = shape;
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
          const sums = sumsOf(f, rows, start);
          new KLoop(f, { rows, aRow, aStep, bStep }, sums, { a, b })
            .chain(count);
          for (const [row, halves] of sums.entries()) {
            for (const [half, sum] of halves.entries()) {
              f.store(c, sum, row * cRow + 16 * half);
            }
          }
        }),
    );
  return module.once(`${key} ${triangle}`, () => {
    const tiles = Array.from({ length: TILE_ROWS }, (_, i) => tile(i + 1));
    return module.function({
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"],
    }, (f) => {
      const [a, b, c, rows, panels, count, diagonal] = [0, 1, 2, 3, 4, 5, 6]
        .map((i) => f.parameter("i64", i));
      f.for(i64.const(0), rows, TILE_ROWS, (row) => {
        const aTile = f.local("i64", i64.add(a, i64.mul(row, i64.const(aRow))));
        const bTile = f.local("i64", b);
        const cTile = f.local("i64", i64.add(c, i64.mul(row, i64.const(cRow))));
        const rest = f.local("i64", i64.sub(rows, row));
        const part = partOf(f, { triangle, diagonal, row, panels, count });
        f.increase(aTile, i64.mul(part.first, i64.const(aStep)));
        f.increase(bTile, i64.mul(part.first, i64.const(bStep)));
        f.for(i64.const(0), part.panels, 1, () => {
          dispatchRows(
            f,
            rest,
            (n) => f.call(tiles[n - 1], [aTile, bTile, cTile, part.count]),
          );
          f.increase(bTile, i64.const(bPanel));
          f.increase(cTile, i64.const(4 * TILE_COLUMNS));
        });
      });
    });
  });
}

/** Panels and terms that six rows from `row` on need; terms in whole fours, so that loops stay unrolled. */
function partOf(
  f: FunctionBuilder,
  p: {
    readonly triangle: Triangle | null;
    readonly diagonal: Int;
    readonly row: Int;
    readonly panels: Int;
    readonly count: Int;
  },
): { first: Int; panels: Int; count: Int } {
  const { triangle, diagonal, row, panels, count } = p;
  const all = { first: i64.const(0), panels, count };
  if (triangle === null) return all;
  const none = i64.const(0);
  if (triangle === "terms after") {
    const first = f.local(
      "i64",
      i64.add(i64.sub(row, diagonal), i64.const(1)),
    );
    f.set(first, i64.max(first, none));
    f.set(first, i64.min(first, count));
    f.set(first, i64.and(first, i64.const(-UNROLL)));
    return { first, panels, count: f.local("i64", i64.sub(count, first)) };
  }
  const end = f.local(
    "i64",
    i64.add(i64.add(row, diagonal), i64.const(TILE_ROWS - 1)),
  );
  f.set(end, i64.max(end, none));
  const unit = triangle === "columns" ? TILE_COLUMNS : UNROLL;
  const units = f.local("i64", i64.ceilDiv(end, unit));
  if (triangle === "columns") {
    f.set(units, i64.min(units, panels));
    return { ...all, panels: units };
  }
  const terms = f.local("i64", i64.mul(units, i64.const(unit)));
  f.set(terms, i64.min(terms, count));
  return { ...all, count: terms };
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
