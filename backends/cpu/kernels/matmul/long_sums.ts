/**
 * Sums of tiles over many values of k. A chain of n additions rounds n times at the size of its partial sums:
 * its error grows with the root of n. So the sum is cut, by k alone, into blocks and those into spans:
 *
 * ```text
 * k       0 .. 31 | 32 .. 63 | ... | 224 .. 255 || 256 .. 287 | ...
 *         a chain   a chain  added up in order  || the next span, added to the first
 * ```
 * The accumulators of blocks stay in registers, those of spans and of all are touched once a block or span. The
 * columns of b are in structs of 32 values of k (`lines.ts`); rows of a are read from memory.
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  i64,
  type Int,
  type Local,
  type StructLocal,
  type Structs,
  v128,
} from "../../assembler/mod.ts";
import { LINES } from "./lines.ts";
import { type Sums, sumsOf, type TileShape, wholeOf } from "./tile.ts";

/** Values of k in one block, and in one where the result is to be more exact: that costs 2% more time. */
const BLOCK = LINES, EXACT_BLOCK = LINES / 2;
/** Values of k in one span. */
const SPAN = 256;

/** The factors of a tile: where its rows of a begin, and the number of the first struct of its columns of b. */
interface Factors {
  readonly a: Int;
  readonly lines: Structs;
  readonly first: Int;
  readonly count: Int;
  /** Whether the sums are to be more exact. */
  readonly exact: boolean;
}

/** Emits the sum over `count` values of k; gives the accumulators, [row][half]. */
export function emitLongSum(
  f: FunctionBuilder,
  shape: Pick<TileShape, "rows" | "aRow" | "aStep">,
  factors: Factors,
): Sums {
  const { count } = factors;
  const { constant } = count;
  const sum = new BlockSum(f, shape, factors);
  if (constant !== undefined && constant <= sum.size) {
    if (constant > 0) sum.chain(sum.next(), { from: 0, count: constant });
    return sum.block;
  }
  const total = sumsOf(f, shape.rows);
  if (constant !== undefined && constant <= SPAN) {
    sum.addTo(total, count);
    return total;
  }
  const span = sumsOf(f, shape.rows);
  const addSpan = (count: Int) => {
    clear(f, span);
    sum.addTo(span, count);
    add(f, total, span);
  };
  // whole spans, then what is left of k
  const left = f.local("i64", count);
  f.block((done) =>
    f.loop((again) => {
      f.branch(done, i64.ltS(left, i64.const(SPAN)));
      addSpan(i64.const(SPAN));
      f.increase(left, i64.const(-SPAN));
      f.branch(again);
    })
  );
  if (constant === undefined) {
    f.if(i64.gtS(left, i64.const(0)), () => addSpan(left));
  } else if (constant % SPAN !== 0) addSpan(i64.const(constant % SPAN));
  return total;
}

/** The sums of blocks of k, one after the other. */
class BlockSum {
  /** Values of k in a block. */
  readonly size: number;
  /** Accumulators of a block. */
  readonly block: Sums;
  readonly #a: Local<"i64">;
  readonly #index: Local<"i64">;
  readonly #line: readonly [Local<"v128">, Local<"v128">];
  readonly #number: Local<"v128">;

  constructor(
    readonly f: FunctionBuilder,
    readonly shape: Pick<TileShape, "rows" | "aRow" | "aStep">,
    readonly factors: Factors,
  ) {
    this.size = factors.exact ? EXACT_BLOCK : BLOCK;
    this.block = sumsOf(f, shape.rows);
    this.#a = f.local("i64", factors.a);
    this.#index = f.local("i64", factors.first);
    this.#line = [f.local("v128"), f.local("v128")];
    this.#number = f.local("v128");
  }

  /** The struct of the next values of k. */
  next(): StructLocal {
    return this.f.struct(this.factors.lines, this.#index);
  }

  /** Adds value `i` of k of a struct to the block's sums, or sets them. */
  #emit(struct: StructLocal, i: number, { fresh }: { fresh: boolean }): void {
    const { f } = this;
    const { aRow, aStep } = this.shape;
    for (const [half, line] of this.#line.entries()) {
      f.set(line, f.field(struct, 2 * i + half));
    }
    const number = this.#number;
    for (const [row, halves] of this.block.entries()) {
      f.set(number, v128.load32Splat(this.#a, row * aRow + i * aStep));
      for (const [half, sum] of halves.entries()) {
        const line = this.#line[half];
        f.set(
          sum,
          fresh ? f32x4.mul(number, line) : f32x4.madd(number, line, sum),
        );
      }
    }
  }

  /** Adds `count` values of k from number `from` on of a struct. */
  chain(
    struct: StructLocal,
    { from, count }: { from: number; count: number },
  ): void {
    for (let i = from; i < from + count; i++) {
      this.#emit(struct, i, { fresh: false });
    }
  }

  /** Adds `count` values of k to `total`. */
  addTo(total: Sums, count: Int): void {
    const { f, size } = this;
    const { constant } = count;
    const end = f.local(
      "i64",
      i64.add(this.#index, i64.divU(wholeOf(count, LINES), i64.const(LINES))),
    );
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.geS(this.#index, end));
        const struct = this.next();
        for (let from = 0; from < LINES; from += size) {
          for (let i = 0; i < size; i++) {
            this.#emit(struct, from + i, { fresh: i === 0 });
          }
          add(f, total, this.block);
        }
        f.increase(this.#a, i64.const(LINES * this.shape.aStep));
        f.increase(this.#index, i64.const(1));
        f.branch(again);
      })
    );
    if (constant === undefined) {
      const rest = f.local("i64", i64.and(count, i64.const(LINES - 1)));
      f.if(i64.gtS(rest, i64.const(0)), () => this.#addRest(total, rest));
    } else if (constant % LINES !== 0) {
      this.#addRest(total, i64.const(constant % LINES));
    }
  }

  /** Adds the last values of k, fewer than a struct has. */
  #addRest(total: Sums, rest: Int): void {
    const { f, size } = this;
    const { constant } = rest;
    const struct = this.next();
    for (let from = 0; from < (constant ?? LINES); from += size) {
      clear(f, this.block);
      if (constant !== undefined) {
        this.chain(struct, { from, count: Math.min(size, constant - from) });
      } else {
        f.block((done) => {
          for (let i = from; i < Math.min(from + size, LINES - 1); i++) {
            f.branch(done, i64.leS(rest, i64.const(i)));
            this.chain(struct, { from: i, count: 1 });
          }
        });
      }
      add(f, total, this.block); // zeros where there was nothing: it changes no bit
    }
  }
}

function add(f: FunctionBuilder, total: Sums, part: Sums): void {
  for (const [row, halves] of part.entries()) {
    for (const [half, sum] of halves.entries()) {
      f.set(total[row][half], f32x4.add(sum, total[row][half]));
    }
  }
}

function clear(f: FunctionBuilder, sums: Sums): void {
  for (const sum of sums.flat()) f.set(sum, f32x4.const(0));
}
