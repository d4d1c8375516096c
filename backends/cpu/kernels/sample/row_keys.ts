/**
 * A row's logits as whole numbers of the same order ("keys"), in the worker's own memory: what is drawn from is
 * found by comparing them, four at a time.
 * @module
 */
import {
  f32,
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Value,
  type Vector,
} from "../../assembler/mod.ts";
import { checkedIndex } from "../convert.ts";
import { element, type Kernel } from "../launch.ts";
import { laneMask, vectorLoop } from "../vector_loop.ts";
import { larger, splat, turned } from "./lanes.ts";

/** The key of NaN and of lanes beyond the row: below that of every number. */
export const LEAST = -2147483648;

/** Bytes of the worker's memory for a row: keys and weights, (columns) each, in whole vectors. */
export function scratchOf(columns: number): number {
  return 8 * padded(columns);
}

/** Columns, up to whole vectors. */
function padded(columns: number): number {
  return 4 * Math.ceil(columns / 4);
}

/** The keys of one row. Views: logits, options, keys, positions, index, seen, out. */
export class RowKeys {
  readonly k: Kernel;
  readonly f: FunctionBuilder;
  readonly row: Int;
  readonly columns: number;
  /** Address of the row's four options. */
  readonly options: Local<"i64">;
  /** Offset of a weight for each key, in the worker's memory. */
  readonly weights: number;
  readonly #slots: number;

  constructor(
    k: Kernel,
    { columns, slots, row }: { columns: number; slots: number; row: Int },
  ) {
    this.k = k;
    this.f = k.f;
    this.row = row;
    this.columns = columns;
    this.#slots = slots;
    this.weights = 4 * padded(columns);
    this.options = k.f.local(
      "i64",
      element(k.at[1], i64.mul(row, i64.const(4))),
    );
  }

  /** Option number `i` as float32. */
  option(i: number): Value<"f32"> {
    return f32.load(this.options, 4 * i);
  }

  /** Runs `body` for all keys, four at a time; `index` is the column of the first. */
  each(body: (keys: Vector, index: Local<"i64">) => void): void {
    vectorLoop(
      this.f,
      { from: i64.const(0), to: i64.const(padded(this.columns)) },
      ({ index }) => {
        const address = element(this.k.scratch, index);
        body(this.f.local("v128", v128.load(address)), index);
      },
    );
  }

  /** Writes the keys of the row's logits, penalised; gives the largest, in every lane. */
  write(): Local<"v128"> {
    const f = this.f;
    const { at, scratch } = this.k;
    const x = f.local(
      "i64",
      element(at[0], i64.mul(this.row, i64.const(this.columns))),
    );
    const penalty = f.local("v128", v128.load32Splat(this.options, 12));
    // The repetition penalty: one bit a column says whether the token was seen in this slot.
    const penalises = f.local("i32", f32.ne(this.option(3), f32.const(1)));
    const bits = f.local("i64");
    f.if(penalises, () => {
      const slot = checkedIndex(
        f,
        element(at[4], this.row),
        i64.const(this.#slots),
      );
      const words = Math.ceil(this.columns / 32);
      f.set(bits, element(at[5], i64.mul(slot, i64.const(words))));
    });
    const best = f.local("v128", i32x4.const(LEAST));
    // One pass over the logits: the later passes read the keys, with the penalty applied, from scratch memory.
    vectorLoop(
      f,
      { from: i64.const(0), to: i64.const(this.columns) },
      ({ index, rest }) => {
        const value = f.local("v128", v128.load(element(x, index)));
        f.if(penalises, () => {
          // The 32 bits of these columns, shifted so that the four lanes' bits are the lowest.
          const word = i32.load(element(bits, i64.shrU(index, i64.const(5))));
          const shifted = i32.shrU(
            word,
            i32.and(i32.wrap(index), i32.const(31)),
          );
          const lanes = v128.const32([1, 2, 4, 8]);
          const seen = i32x4.eq(v128.and(i32x4.splat(shifted), lanes), lanes);
          // A positive logit is divided by the penalty, a negative one multiplied: both become less likely.
          const penalised = v128.select(
            f32x4.div(value, penalty),
            f32x4.mul(value, penalty),
            f32x4.gt(value, f32x4.const(0)),
          );
          f.set(value, v128.select(penalised, value, seen));
        });
        // NaN and lanes beyond the last column get the least key, so they are never chosen.
        const isNumber = f32x4.eq(value, value);
        const counts = rest === null
          ? isNumber
          : v128.and(isNumber, laneMask(rest));
        // adding 0 makes the two zeros equal
        const number = f.local("v128", f32x4.add(value, f32x4.const(0)));
        const key = f.local(
          "v128",
          v128.select(turned(number), i32x4.const(LEAST), counts),
        );
        f.store(element(scratch, index), key);
        f.set(best, larger(key, best));
      },
    );
    // The largest of the four lanes in all of them.
    for (const order of [[2, 3, 0, 1], [1, 0, 3, 2]]) {
      f.set(best, larger(best, v128.shuffle32(best, best, order)));
    }
    return best;
  }

  /** Column of the n-th key that equals one, or of the last where there are fewer. */
  equalNumber(key: Int, n: Int): Local<"i64"> {
    const f = this.f;
    const wanted = f.local("v128", splat(key));
    const left = f.local("i64", n);
    const found = f.local("i64", i64.const(0));
    // Most vectors have no equal key, so one test skips four columns. Lanes are tested in column order, so
    // that the loop stops at the n-th equal key.
    f.block((done) =>
      this.each((keys, index) => {
        const equal = f.local("v128", i32x4.eq(keys, wanted));
        f.if(v128.anyTrue(equal), () => {
          for (let lane = 0; lane < 4; lane++) {
            const at = i64.add(index, i64.const(lane));
            const hit = i32.and(
              i32.ne(i32x4.lane(equal, lane), i32.const(0)),
              i64.ltS(at, i64.const(this.columns)),
            );
            f.if(hit, () => {
              f.set(found, at);
              f.increase(left, i64.const(-1));
              f.branch(done, i64.leS(left, i64.const(0)));
            });
          }
        });
      })
    );
    return found;
  }
}
