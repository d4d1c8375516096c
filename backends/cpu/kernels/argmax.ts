/**
 * The index of the largest element of each row.
 * @module
 */
import type { KernelAttributes, View } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { rowsPerPiece } from "./row_moves.ts";
import { element, keyOf, type Launch } from "./launch.ts";
import { laneMask, vectorLoop } from "./vector_loop.ts";

/** The launches of an `argmax` call. */
export function lowerArgmax(
  attributes: KernelAttributes["argmax"],
  views: readonly [x: View, out: View],
): Launch[] {
  const { columns } = attributes;
  const dims = [attributes.rows];
  return [{
    key: keyOf("argmax", [columns], dims),
    views,
    writes: [1],
    dims,
    build: (k) => {
      const { f } = k;
      k.ranges(
        k.dims[0],
        rowsPerPiece(columns),
        (from, to) =>
          f.for(from, to, 1, (row) => {
            const x = f.local(
              "i64",
              element(k.at[0], i64.mul(row, i64.const(columns))),
            );
            // Two passes: the largest number, then the first column that equals it.
            const found = f.local("i64", i64.const(0));
            const best = largestOf(f, x, columns);
            f.block((done) =>
              vectorLoop(
                f,
                { from: i64.const(0), to: i64.const(columns) },
                ({ index, rest }) => {
                  const equal = f.local(
                    "v128",
                    f32x4.eq(v128.load(element(x, index)), best),
                  );
                  f.if(v128.anyTrue(equal), () => {
                    for (let lane = 0; lane < 4; lane++) {
                      const hit = i32.ne(i32x4.lane(equal, lane), i32.const(0));
                      const counts = rest === null
                        ? hit
                        : i32.and(hit, i64.gtS(rest, i64.const(lane)));
                      f.if(counts, () => {
                        f.set(found, i64.add(index, i64.const(lane)));
                        f.branch(done);
                      });
                    }
                  });
                },
              )
            );
            f.store(element(k.at[1], row), i32.wrap(found));
          }),
      );
    },
  }];
}

/** The largest of a row in every lane; NaN is never the largest. */
function largestOf(f: FunctionBuilder, x: Int, columns: number): Vector {
  const best = f.local("v128", f32x4.const(-Infinity));
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(columns) },
    ({ index, rest }) => {
      const value = v128.load(element(x, index));
      // Lanes beyond the row's end count as -Infinity; pmax keeps `best` where the value is NaN.
      const lanes = rest === null ? value : v128.select(
        value,
        f32x4.const(-Infinity),
        laneMask(rest),
      );
      f.set(best, f32x4.pmax(best, lanes));
    },
  );
  for (const order of [[2, 3, 0, 1], [1, 0, 3, 2]]) {
    f.set(best, f32x4.pmax(best, v128.shuffle32(best, best, order)));
  }
  return best;
}
