/**
 * Sums of tiles over many values of k. A chain of n additions rounds n times at the size of its partial sums:
 * its error grows with the root of n. So the sum is cut, by k alone, into blocks and those into spans:
 *
 * ```text
 * k       0 .. 31 | 32 .. 63 | ... | 224 .. 255 || 256 .. 287 | ...
 *         a chain   a chain  added up in order  || the next span, added to the first
 * ```
 * The accumulators of blocks stay in registers, those of spans and of all are touched once a block or span.
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  i64,
  type Int,
} from "../../assembler/mod.ts";
import { KLoop, type Sums, sumsOf, type TileShape, wholeOf } from "./tile.ts";

/** Values of k in one block, and in one where the result is to be more exact: that costs 2% more time. */
const BLOCK = 32, EXACT_BLOCK = 16;
/** Values of k in one span. */
const SPAN = 256;

/** Emits the sum over `count` values of k; gives the accumulators, [row][half]. */
export function emitLongSum(
  f: FunctionBuilder,
  shape: TileShape,
  operands: { a: Int; b: Int; count: Int; exact: boolean },
): Sums {
  const { count } = operands;
  const { constant } = count;
  const size = operands.exact ? EXACT_BLOCK : BLOCK;
  const block = sumsOf(f, shape.rows);
  const kLoop = new KLoop(f, shape, block, operands);
  if (constant !== undefined && constant <= size) {
    kLoop.chain(count);
    return block;
  }
  const total = sumsOf(f, shape.rows);
  if (constant !== undefined && constant <= SPAN) {
    addBlocks(kLoop, { total, count, size });
    return total;
  }
  const span = sumsOf(f, shape.rows);
  const left = f.local("i64", count);
  f.block((done) =>
    f.loop((again) => {
      f.branch(done, i64.leS(left, i64.const(0)));
      const here = f.local("i64", i64.min(left, i64.const(SPAN)));
      clear(f, span);
      addBlocks(kLoop, { total: span, count: here, size });
      add(f, total, span);
      f.increase(left, i64.const(-SPAN));
      f.branch(again);
    })
  );
  return total;
}

/** Adds the products of `count` values of k to `total`, in blocks of `size`; the rest is a block of its own. */
function addBlocks(
  kLoop: KLoop,
  sum: { total: Sums; count: Int; size: number },
): void {
  const { f, sums: block } = kLoop;
  const { total, count, size } = sum;
  const { constant } = count;
  const whole = f.hold(wholeOf(count, size));
  kLoop.until(kLoop.after(whole), () => {
    kLoop.emit(size, { fresh: true });
    add(f, total, block);
  });
  if (constant !== undefined && constant % size === 0) return;
  const rest = f.hold(
    constant === undefined ? i64.sub(count, whole) : i64.const(constant % size),
  );
  const last = () => {
    clear(f, block);
    kLoop.chain(rest);
    add(f, total, block);
  };
  if (constant === undefined) f.if(i64.gtS(rest, i64.const(0)), last);
  else last();
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
