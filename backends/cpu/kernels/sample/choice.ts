/**
 * Which keys of a row may be drawn: the likeliest k, then of those the fewest that have a share p of the sum. A limit
 * is found by halving the range of keys, and needs no sorting:
 *
 * ```text
 * keys      -2^31 ............ limit ............ 2^31
 * stay                         | first equal ones, and all above
 * ```
 * @module
 */
import {
  f32x4,
  f64,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Value,
  type Vector,
} from "../../assembler/mod.ts";
import { exp, sumLanes } from "../../simd_math.ts";
import { element } from "../launch.ts";
import { splat, turned } from "./lanes.ts";
import { LEAST, type RowKeys } from "./row_keys.ts";

/** Which keys stay: those above the limit, and those equal to it up to and including column `last`. */
interface Limit {
  readonly key: Local<"i64">;
  readonly last: Local<"i64">;
}

/** The keys of a row that may be drawn. At first all: above the least, and none that equals it. */
export class Choice {
  readonly #keys: RowKeys;
  readonly #temperature: Vector;
  readonly #limit: Limit;

  constructor(keys: RowKeys, temperature: Vector) {
    this.#keys = keys;
    this.#temperature = temperature;
    this.#limit = {
      key: keys.f.local("i64", i64.const(LEAST)),
      last: keys.f.local("i64", i64.const(-1)),
    };
  }

  /** Keeps the first k. */
  keepLikeliest(): void {
    const f = this.#keys.f;
    const limit = this.#limit;
    const k = f.local("i64", i64.fromF64(f64.promote(this.#keys.option(1))));
    const cuts = i32.and(
      i64.gtS(k, i64.const(0)),
      i64.ltS(k, i64.const(this.#keys.columns)),
    );
    f.if(cuts, () => {
      // How many keys are at least so large: comparisons give -1, so subtracting counts.
      const countFrom = (from: Vector): Int => {
        const count = f.local("v128", i32x4.const(0));
        this.#keys.each((keys) =>
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
        this.#keys.equalNumber(limit.key, i64.sub(k, f.local("i64", above))),
      );
    });
  }

  /** Of those that were kept, keeps the fewest that have a share p of the sum. */
  keepShare(best: Vector): void {
    const f = this.#keys.f;
    const limit = this.#limit;
    const { scratch } = this.#keys.k;
    const p = f.local("v128", v128.load32Splat(this.#keys.options, 8));
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
      this.#keys.each((keys, index) => {
        const weight = f.local(
          "v128",
          v128.and(weightOf(keys), this.stays(keys, index)),
        );
        f.store(element(scratch, index), weight, this.#keys.weights);
        f.set(total, f32x4.add(total, weight));
      });
      // The largest key from which on the weights sum to p of the total: keys below it are dropped.
      const enough = f.local("v128", f32x4.mul(sumLanes(f, total), p));
      const sumFrom = (from: Vector): Vector => {
        const sum = f.local("v128", f32x4.const(0));
        this.#keys.each((keys, index) => {
          const weight = v128.load(element(scratch, index), this.#keys.weights);
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
      const last = this.#keys.equalNumber(
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

  /** All ones in the lanes whose keys stay. */
  stays(keys: Vector, index: Int): Vector {
    const limit = this.#limit;
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

  /** Moves `key` up to the largest for which `holds`: it holds at `key`, and at no key above the first that fails. */
  #halve(
    key: Local<"i64">,
    holds: (middle: Local<"v128">) => Value<"i32">,
  ): void {
    const f = this.#keys.f;
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
}
