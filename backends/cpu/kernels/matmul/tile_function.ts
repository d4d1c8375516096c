/**
 * The tile of a product as a function: the micro-kernel over all of k, then scale, bias and addend while the
 * sums are still in registers.
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  type FunctionRef,
  i64,
  type Int,
  type ModuleBuilder,
  type Structs,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { storeLanes } from "../vector_loop.ts";
import { emitLongSum } from "./long_sums.ts";
import { TILE_COLUMNS } from "./tile.ts";

/** Numbers of one k of packed rows of a: six that count, two that a vector store leaves behind. */
export const A_LINE = 6;

/** The operation on the sums before they are stored. */
export interface TileEpilogue {
  readonly alpha: number;
  readonly bias: boolean;
  readonly addend: boolean;
  /** Whether the sums are to be more exact. */
  readonly exact?: boolean;
}

/** The function (a, first struct of b, k, out, bias, addend, width, n) of one tile. */
export function tileFunction(
  module: ModuleBuilder,
  plan: TileEpilogue,
  tile: {
    rows: number;
    packedRows: boolean;
    n: Int;
    depth: Int;
    lines: Structs;
  },
): FunctionRef {
  return module.function({
    parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64", "i64"],
  }, (f) => {
    const [a, first, count, out, bias, addend, width, columns] = [
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
    ].map((i) => f.parameter("i64", i));
    // A literal depth lets the assembler unroll short loops, and drop the checks of long ones.
    const depth = tile.depth.constant === undefined ? count : tile.depth;
    // Packed: six numbers side by side each k. As they are: rows `depth` apart, k side by side.
    const aRow = tile.packedRows ? 4 : 4 * (tile.depth.constant ?? 0);
    const aStep = tile.packedRows ? 4 * A_LINE : 4;
    const shape = { rows: tile.rows, aRow, aStep };
    // The sums stay in registers until here: scale, bias and addend cost no pass over memory.
    const sums = emitLongSum(f, shape, {
      a,
      lines: tile.lines,
      first,
      count: depth,
      exact: plan.exact === true,
    });
    const { constant } = tile.n;
    const stride = constant === undefined
      ? f.local("i64", i64.mul(columns, i64.const(4)))
      : i64.const(4 * constant);
    const biases = plan.bias
      ? [0, 16].map((offset) => f.local("v128", v128.load(bias, offset)))
      : null;
    const to = f.local("i64", out), plus = f.local("i64", addend);
    // alpha * sum + bias + addend, in this order, as the reference computes it.
    for (const halves of sums) {
      const values = halves.map((sum, half) => {
        let value: Vector = plan.alpha === 1
          ? sum
          : f32x4.mul(sum, f32x4.const(plan.alpha));
        if (biases !== null) value = f32x4.add(value, biases[half]);
        if (plan.addend) value = f32x4.add(value, v128.load(plus, 16 * half));
        return f.local("v128", value);
      });
      storeTileRow(f, {
        to,
        values,
        width,
        exact: constant !== undefined && constant % TILE_COLUMNS === 0,
      });
      f.increase(to, stride);
      if (plan.addend) f.increase(plus, stride);
    }
  });
}

/** Stores the columns of one row that exist. */
function storeTileRow(
  f: FunctionBuilder,
  row: { to: Int; values: readonly Vector[]; width: Int; exact: boolean },
): void {
  const { to, values: [left, right], width } = row;
  const both = () => {
    f.store(to, left);
    f.store(to, right, 16);
  };
  if (row.exact) return both();
  f.if(
    i64.geS(width, i64.const(8)),
    both,
    () =>
      f.if(i64.geS(width, i64.const(4)), () => {
        f.store(to, left);
        const rest = f.local("i64", i64.sub(width, i64.const(4)));
        f.if(
          i64.gtS(rest, i64.const(0)),
          () => storeLanes(f, { address: to, offset: 16 }, right, rest),
        );
      }, () => storeLanes(f, { address: to }, left, width)),
  );
}
