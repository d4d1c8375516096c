/**
 * Chooses a token of each row. Logits become whole numbers of the same order ("keys"), so that the limit of
 * the likeliest k, or of those with a share p, is found by halving their range:
 *
 * ```text
 * keys      -2^31 ............ limit ............ 2^31
 * stay                         | first equal ones, and all above
 * ```
 *
 * NaN gets the least key, which never stays.
 * @module
 */
import type { KernelAttributes, View } from "@denotune/denotune/core";
import {
  f32,
  f32x4,
  f64,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Value,
  type Vector,
} from "../assembler/mod.ts";
import { exp, mix32, sumLanes } from "../simd_math.ts";
import { checkedIndex } from "./convert.ts";
import { gumbel, larger, splat, turned } from "./sample_lanes.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import { laneMask, vectorLoop } from "./vector_loop.ts";

const LEAST = -2147483648;

/** The launches of a `sample` call. Views: logits, options, keys, positions, index, seen, out. */
export function lowerSample(
  attributes: KernelAttributes["sample"],
  views: readonly View[],
): Launch[] {
  const { columns, slots } = attributes;
  const dims = [attributes.rows];
  return [{
    key: keyOf("sample", [columns, slots], dims),
    views,
    writes: [6],
    dims,
    // Keys and weights of a row, (columns) each, in whole vectors.
    scratch: 8 * Math.ceil(columns / 4) * 4,
    build: (k) =>
      k.pieces(k.dims[0], (row) => {
        const sampler = new Sampler(k, { columns, slots, row });
        k.f.store(element(k.at[6], row), i32.wrap(sampler.choose()));
      }),
  }];
}

/** Which keys stay: those above the limit, and those equal to it up to and including column `last`. */
interface Limit {
  readonly key: Local<"i64">;
  readonly last: Local<"i64">;
}

/** The code that chooses for one row. */
class Sampler {
  readonly #k: Kernel;
  readonly #f: FunctionBuilder;
  readonly #row: Int;
  readonly #columns: number;
  readonly #slots: number;
  /** Columns, up to a multiple of four. */
  readonly #padded: Int;
  readonly #weights: number;
  readonly #temperature: Local<"v128">;

  constructor(
    k: Kernel,
    { columns, slots, row }: { columns: number; slots: number; row: Int },
  ) {
    this.#k = k;
    this.#f = k.f;
    this.#row = row;
    this.#columns = columns;
    this.#slots = slots;
    const padded = Math.ceil(columns / 4) * 4;
    this.#padded = i64.const(padded);
    this.#weights = 4 * padded;
    this.#temperature = k.f.local("v128", v128.load32Splat(k.at[1]));
  }

  /** The chosen column. */
  choose(): Int {
    const f = this.#f;
    // Greedy where the temperature is 0: the first column with the largest key.
    const best = this.#writeKeys();
    const chosen = f.local("i64");
    f.if(
      v128.anyTrue(f32x4.ne(this.#temperature, f32x4.const(0))),
      () => {
        // At first every key stays: above the least, and none that equals it.
        const limit = {
          key: f.local("i64", i64.const(LEAST)),
          last: f.local("i64", i64.const(-1)),
        };
        // k comes before p: p is a share of the tokens that k keeps.
        this.#keepLikeliest(limit);
        this.#keepShare(limit, best);
        f.set(chosen, this.#draw(limit));
      },
      () =>
        f.set(
          chosen,
          this.#equalNumber(i64.extendS(i32x4.lane(best, 0)), i64.const(1)),
        ),
    );
    return chosen;
  }

  /** Option number `i` as float32. */
  #option(i: number): Value<"f32"> {
    return f32.load(this.#k.at[1], 4 * i);
  }

  /** Runs `body` for all keys, four at a time; `index` is the column of the first. */
  #eachKey(body: (keys: Vector, index: Local<"i64">) => void): void {
    vectorLoop(
      this.#f,
      { from: i64.const(0), to: this.#padded },
      ({ index }) => {
        const address = element(this.#k.scratch, index);
        body(this.#f.local("v128", v128.load(address)), index);
      },
    );
  }

  /** Writes the keys of the row's logits, penalised; gives the largest, in every lane. */
  #writeKeys(): Local<"v128"> {
    const f = this.#f;
    const { at, scratch } = this.#k;
    const x = f.local(
      "i64",
      element(at[0], i64.mul(this.#row, i64.const(this.#columns))),
    );
    const penalty = f.local("v128", v128.load32Splat(at[1], 12));
    // The repetition penalty: one bit a column says whether the token was seen in this slot.
    const penalises = f.local("i32", f32.ne(this.#option(3), f32.const(1)));
    const bits = f.local("i64");
    f.if(penalises, () => {
      const slot = checkedIndex(
        f,
        element(at[4], this.#row),
        i64.const(this.#slots),
      );
      const words = Math.ceil(this.#columns / 32);
      f.set(bits, element(at[5], i64.mul(slot, i64.const(words))));
    });
    const best = f.local("v128", i32x4.const(LEAST));
    // One pass over the logits: the later passes read the keys, with the penalty applied, from scratch memory.
    vectorLoop(
      f,
      { from: i64.const(0), to: i64.const(this.#columns) },
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

  /** Keeps the first k. */
  #keepLikeliest(limit: Limit): void {
    const f = this.#f;
    const k = f.local("i64", i64.fromF64(f64.promote(this.#option(1))));
    const cuts = i32.and(
      i64.gtS(k, i64.const(0)),
      i64.ltS(k, i64.const(this.#columns)),
    );
    f.if(cuts, () => {
      // How many keys are at least so large: comparisons give -1, so subtracting counts.
      const countFrom = (from: Vector): Int => {
        const count = f.local("v128", i32x4.const(0));
        this.#eachKey((keys) =>
          f.set(count, i32x4.sub(count, i32x4.geS(keys, from)))
        );
        return i64.extendU(
          [1, 2, 3].reduce(
            (sum, lane) => i32.add(sum, i32x4.lane(count, lane)),
            i32x4.lane(count, 0),
          ),
        );
      };
      this.#halve(limit.key, (middle) => i64.geS(countFrom(middle), k));
      // Of the keys that equal the k-th largest, only as many as are left, from the first column on.
      const above = countFrom(
        i32x4.add(splat(limit.key), i32x4.const(1)),
      );
      f.set(
        limit.last,
        this.#equalNumber(limit.key, i64.sub(k, f.local("i64", above))),
      );
    });
  }

  /** Of those that were kept, keeps the fewest that have a share p of the sum. */
  #keepShare(limit: Limit, best: Vector): void {
    const f = this.#f;
    const { scratch } = this.#k;
    const p = f.local("v128", v128.load32Splat(this.#k.at[1], 8));
    f.if(v128.anyTrue(f32x4.lt(p, f32x4.const(1))), () => {
      const largest = f.local("v128", turned(best));
      const weightOf = (keys: Vector): Vector =>
        exp(
          f,
          f32x4.div(f32x4.sub(turned(keys), largest), this.#temperature),
        );
      // Weights exp((logit - largest) / temperature) of those that stay, and their sum. They are stored, because
      // each of the 32 halvings below sums them again, and a load is cheaper than exp.
      const total = f.local("v128", f32x4.const(0));
      this.#eachKey((keys, index) => {
        const weight = f.local(
          "v128",
          v128.and(weightOf(keys), this.#stays(limit, keys, index)),
        );
        f.store(element(scratch, index), weight, this.#weights);
        f.set(total, f32x4.add(total, weight));
      });
      // The largest key from which on the weights sum to p of the total: keys below it are dropped.
      const enough = f.local("v128", f32x4.mul(sumLanes(f, total), p));
      const sumFrom = (from: Vector): Vector => {
        const sum = f.local("v128", f32x4.const(0));
        this.#eachKey((keys, index) => {
          const weight = v128.load(element(scratch, index), this.#weights);
          const counts = i32x4.geS(keys, from);
          f.set(sum, f32x4.add(sum, v128.and(weight, counts)));
        });
        return sumLanes(f, sum);
      };
      const before = f.local("i64", limit.key);
      this.#halve(
        limit.key,
        (middle) => v128.anyTrue(f32x4.ge(sumFrom(middle), enough)),
      );
      const key = f.local("v128", splat(limit.key));
      const above = sumFrom(f.local("v128", i32x4.add(key, i32x4.const(1))));
      // Keys that equal it have one weight: as many of them as are needed to reach the share, rounded up.
      const equal = f32x4.div(f32x4.sub(enough, above), weightOf(key));
      const wanted = i32x4.lane(
        f32x4.toI32(f32x4.neg(f32x4.floor(f32x4.neg(equal)))),
        0,
      );
      const number = f.local("i64", i64.extendS(wanted));
      const last = this.#equalNumber(
        limit.key,
        i64.max(number, i64.const(1)),
      );
      f.if(
        i64.eq(limit.key, before),
        () => f.set(limit.last, i64.min(limit.last, last)),
        () => f.set(limit.last, last),
      );
    });
  }

  /** Moves `key` up to the largest for which `holds`: it holds at `key`, and at no key above the first that fails. */
  #halve(
    key: Local<"i64">,
    holds: (middle: Local<"v128">) => Value<"i32">,
  ): void {
    const f = this.#f;
    const end = f.local("i64", i64.const(2147483648));
    f.loop((again) => {
      // Halving between key (holds) and end (does not): 32 rounds for 32-bit keys.
      const half = i64.shrU(i64.sub(end, key), i64.const(1));
      const middle = f.local("i64", i64.add(key, half));
      f.if(
        holds(f.local("v128", splat(middle))),
        () => f.set(key, middle),
        () => f.set(end, middle),
      );
      f.branch(again, i64.gtS(i64.sub(end, key), i64.const(1)));
    });
  }

  /** Column of the n-th key that equals one, or of the last where there are fewer. */
  #equalNumber(key: Int, n: Int): Local<"i64"> {
    const f = this.#f;
    const wanted = f.local("v128", splat(key));
    const left = f.local("i64", n);
    const found = f.local("i64", i64.const(0));
    // Most vectors have no equal key, so one test skips four columns. Lanes are tested in column order, so
    // that the loop stops at the n-th equal key.
    f.block((done) =>
      this.#eachKey((keys, index) => {
        const equal = f.local("v128", i32x4.eq(keys, wanted));
        f.if(v128.anyTrue(equal), () => {
          for (let lane = 0; lane < 4; lane++) {
            const at = i64.add(index, i64.const(lane));
            const hit = i32.and(
              i32.ne(i32x4.lane(equal, lane), i32.const(0)),
              i64.ltS(at, i64.const(this.#columns)),
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

  /** All ones in the lanes whose keys stay. */
  #stays(limit: Limit, keys: Vector, index: Int): Vector {
    const columns = i32x4.add(splat(index), v128.const32([0, 1, 2, 3]));
    const key = splat(limit.key);
    return v128.or(
      i32x4.gtS(keys, key),
      v128.and(
        i32x4.eq(keys, key),
        i32x4.leS(columns, splat(limit.last)),
      ),
    );
  }

  /** The column with the largest logit / temperature + Gumbel number, of those that stay. */
  #draw(limit: Limit): Local<"i64"> {
    const f = this.#f;
    const { at } = this.#k;
    // Random bits are a function of (key, position, column), so the result does not depend on the worker.
    const stream = i32.mul(
      i32.load(element(at[3], this.#row)),
      i32.const(0x9e3779b9),
    );
    const key = i32.add(i32.load(element(at[2], this.#row)), stream);
    const base = mix32(f, i32x4.splat(key));
    const best = f.local("v128", f32x4.const(-Infinity));
    const columns = f.local("v128", i32x4.const(0));
    // A lane owns every fourth column, in ascending order, and keeps the first maximum (strict >). Vectors
    // without a key that stays are skipped, because the Gumbel number costs two logarithms.
    this.#eachKey((keys, index) => {
      const stays = f.local("v128", this.#stays(limit, keys, index));
      f.if(v128.anyTrue(stays), () => {
        const column = f.local(
          "v128",
          i32x4.add(splat(index), v128.const32([0, 1, 2, 3])),
        );
        // logit / temperature + Gumbel number; the largest of these is a draw from the softmax.
        const mixed = i32x4.mul(column, i32x4.const(0x85ebca6b | 0));
        const bits = mix32(f, i32x4.add(base, mixed));
        const score = f.local(
          "v128",
          f32x4.add(
            f32x4.div(turned(keys), this.#temperature),
            gumbel(f, bits),
          ),
        );
        const wins = f.local(
          "v128",
          v128.and(f32x4.gt(score, best), stays),
        );
        f.set(best, v128.select(score, best, wins));
        f.set(columns, v128.select(column, columns, wins));
      });
    });
    const chosen = f.local("i64");
    // The best of the four lanes; of equal ones the first column.
    const largest = f.local("f32", f32.const(-Infinity));
    for (let lane = 0; lane < 4; lane++) {
      const score = f.local("f32", f32x4.lane(best, lane));
      const column = f.local("i64", i64.extendS(i32x4.lane(columns, lane)));
      const ties = i32.and(
        i32.eqz(f32.ne(score, largest)),
        i64.ltS(column, chosen),
      );
      f.if(i32.or(f32.gt(score, largest), ties), () => {
        f.set(largest, score);
        f.set(chosen, column);
      });
    }
    return chosen;
  }
}
