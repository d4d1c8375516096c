/**
 * Factors of attention's products in bf16: queries, keys, values and dO are rounded once for all blocks, weights and
 * their gradients where they are made.
 * @module
 */
import type { Dim, View } from "@denotune/denotune/device";
import {
  type FunctionBuilder,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { narrow, storeHalves } from "../convert.ts";
import type { Geometry } from "./geometry.ts";
import { element, keyOf, type Launch } from "../launch.ts";
import { vectorLoop } from "../vector_loop.ts";
import { rowsPerPiece } from "../row_moves.ts";

/** A tensor of rows that is rounded: its width, and its bytes from the start of the temporary memory. */
export interface Rounded {
  readonly view: View;
  readonly width: number;
  readonly at: number;
}

/** Tensors one behind the other in the temporary memory, from `at` on, as bf16. */
export function roundedAt(
  tensors: readonly (readonly [view: View, width: number])[],
  { at, rows }: { readonly at: number; readonly rows: number },
): { readonly list: readonly Rounded[]; readonly end: number } {
  let end = at;
  const list = tensors.map(([view, width]) => {
    const own = { view, width, at: end };
    end += Math.ceil(rows * width * 2 / 64) * 64;
    return own;
  });
  return { list, end };
}

/** The launch that rounds them. */
export function roundLaunch(
  list: readonly Rounded[],
  dims: readonly [Dim, Dim],
  temporaryBytes: number,
): Launch {
  const widths = list.map(({ width }) => width);
  return {
    key: keyOf(
      "attention_round",
      list.map(({ width, at }) => [width, at]),
      dims,
    ),
    views: list.map(({ view }) => view),
    writes: [],
    dims,
    temporary: { bytes: temporaryBytes, use: "write" },
    build: (k) => {
      const { f } = k;
      const rows = f.hold(i64.mul(k.dims[0], k.dims[1]));
      // a piece is some rows of every tensor
      k.ranges(rows, rowsPerPiece(Math.max(...widths)), (first, last) => {
        for (const [i, { width, at }] of list.entries()) {
          const from = f.local("i64", i64.mul(first, i64.const(width)));
          const to = f.local("i64", i64.mul(last, i64.const(width)));
          const base = i64.add(k.temporary, i64.const(at));
          vectorLoop(f, { from, to }, ({ index, rest }) => {
            const value = v128.load(element(k.at[i], index));
            const half = i64.mul(index, i64.const(2));
            storeHalves(
              f,
              f.local("i64", i64.add(base, half)),
              narrow(f, "bf16", value),
              rest,
            );
          });
        }
      });
    },
  };
}

/** Stores four numbers of a row of scores as a factor. In bf16 they are stored before the scores that are still to be read. */
export function storeFactor(
  f: FunctionBuilder,
  g: Geometry,
  { row, index, offset = 0 }: {
    readonly row: Int;
    readonly index: Int;
    readonly offset?: number;
  },
  value: Vector,
): void {
  if (g.factorBytes === 4) return f.store(element(row, index), value, offset);
  const address = i64.add(row, i64.mul(index, i64.const(2)));
  storeHalves(
    f,
    f.local("i64", i64.add(address, i64.const(offset))),
    narrow(f, "bf16", value),
    null,
  );
}
