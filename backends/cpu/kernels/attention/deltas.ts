/**
 * The sums of dO * O over each head, which the gradient of softmax subtracts.
 * @module
 */
import {
  f32x4,
  i32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { narrow } from "../convert.ts";
import type { Geometry } from "./geometry.ts";
import { transpose4 } from "../matmul/pack.ts";
import { rowsPerPiece } from "../row_moves.ts";
import { element, type Kernel } from "../launch.ts";
import { storeLanes, vectorLoop } from "../vector_loop.ts";

/**
 * Four heads at a time, in the lanes. The sum over a head is one chain in the order of its elements, as in the
 * micro-kernel: where a query sees one key alone, dP - delta is exactly 0.
 */
export function buildDeltas(k: Kernel, g: Geometry, deltasAt: number): void {
  const { f } = k;
  const rows = f.hold(
    i64.mul(i64.mul(k.dims[0], k.dims[1]), i64.const(g.heads)),
  );
  const headBytes = 4 * g.headDim;
  k.ranges(
    rows,
    4 * Math.ceil(rowsPerPiece(g.headDim) / 4),
    (from, to) =>
      vectorLoop(f, { from, to }, ({ index, rest }) => {
        const last = rest === null
          ? index
          : f.local("i64", i64.sub(to, i64.const(1)));
        // the last head is read again for those that are missing in the last four
        const pointers = (base: Int) =>
          [0, 1, 2, 3].map((lane) => {
            const exists = rest === null
              ? index
              : i64.min(f.local("i64", i64.add(index, i64.const(lane))), last);
            const row = rest === null
              ? i64.add(exists, i64.const(lane))
              : exists;
            return f.local(
              "i64",
              i64.add(base, i64.mul(row, i64.const(headBytes))),
            );
          });
        const [out, dOut] = [pointers(k.at[0]), pointers(k.at[1])];
        const sum = f.local("v128", f32x4.const(0));
        for (let d = 0; d < g.headDim; d += 4) {
          const four = (
            list: readonly Int[],
            read = (value: Vector) => value,
          ) =>
            transpose4(
              f,
              list.map((at) => f.local("v128", read(v128.load(at, 4 * d)))),
            );
          // dO as the products read it, so that dP - delta is near 0 where it should be
          const asFactor = (value: Vector) =>
            i32x4.shl(narrow(f, "bf16", value), 16);
          const a = four(out);
          const b = g.factorBytes === 2 ? four(dOut, asFactor) : four(dOut);
          for (let i = 0; i < Math.min(4, g.headDim - d); i++) {
            f.set(sum, f32x4.madd(b[i], a[i], sum));
          }
        }
        storeLanes(
          f,
          { address: element(k.temporary, index), offset: deltasAt },
          sum,
          rest,
        );
      }),
  );
}
