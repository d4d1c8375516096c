/**
 * NN of few rows: lines of b times numbers of the rows of a.
 * @module
 */
import { bytesOf } from "@denotune/denotune/device";
import { f32x4, i64, type Int, type Local, v128 } from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { type Block, finish } from "./few_rows_block.ts";
import { element, type Kernel } from "../launch.ts";
import { vectorLoop } from "../vector_loop.ts";

/**
 * Lines of b that are added up at a time, then those that are left. Twelve are as many places of memory as the
 * processor fetches ahead of, and their factors fit into registers.
 */
const LINES = [12, 4, 1];

/**
 * NN: lines of b times numbers of the rows of a. The sums of all rows are in the worker's own memory; a dozen lines of
 * b are added to each row in turn, so that b comes from memory once and from the nearest cache for the other rows.
 */
export function addLines(k: Kernel, block: Block, m: Int): void {
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
      // Twelve lines a pass: the row of sums is read and written once for all of them.
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
  // As many dozens as there are, then fours, then one by one: the order of k, whatever the depth.
  for (const count of LINES) {
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
