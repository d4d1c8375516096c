/**
 * Chooses a token of each row. Logits become whole numbers of the same order ("keys", `row_keys.ts`), of which those
 * that may be drawn are found by comparing (`choice.ts`). NaN gets the least key, which never stays.
 * @module
 */
import type { KernelAttributes, View } from "@denotune/denotune/device";
import {
  f32,
  f32x4,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { mix32 } from "../../simd_math.ts";
import { element, keyOf, type Launch } from "../launch.ts";
import { Choice } from "./choice.ts";
import { gumbel, splat, turned } from "./lanes.ts";
import { RowKeys, scratchOf } from "./row_keys.ts";

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
    scratch: scratchOf(columns),
    build: (k) =>
      k.pieces(k.dims[0], (row) => {
        const keys = new RowKeys(k, { columns, slots, row });
        k.f.store(element(k.at[6], row), i32.wrap(choose(keys)));
      }),
  }];
}

/** The chosen column. */
function choose(keys: RowKeys): Int {
  const { f } = keys;
  const temperature = f.local("v128", v128.load32Splat(keys.options));
  // Greedy where the temperature is 0: the first column with the largest key.
  const best = keys.write();
  const chosen = f.local("i64");
  f.if(
    v128.anyTrue(f32x4.ne(temperature, f32x4.const(0))),
    () => {
      const choice = new Choice(keys, temperature);
      // k comes before p: p is a share of the tokens that k keeps.
      choice.keepLikeliest();
      choice.keepShare(best);
      f.set(chosen, draw(keys, choice, temperature));
    },
    () =>
      f.set(
        chosen,
        keys.equalNumber(i64.extendS(i32x4.lane(best, 0)), i64.const(1)),
      ),
  );
  return chosen;
}

/** The column with the largest logit / temperature + Gumbel number, of those that stay. */
function draw(
  keys: RowKeys,
  choice: Choice,
  temperature: Vector,
): Local<"i64"> {
  const { f, k: { at } } = keys;
  // Random bits are a function of (key, position, column), so the result does not depend on the worker.
  const stream = i32.mul(
    i32.load(element(at[3], keys.row)),
    i32.const(0x9e3779b9),
  );
  const key = i32.add(i32.load(element(at[2], keys.row)), stream);
  const base = mix32(f, i32x4.splat(key));
  const best = f.local("v128", f32x4.const(-Infinity));
  const columns = f.local("v128", i32x4.const(0));
  // A lane owns every fourth column, in ascending order, and keeps the first maximum (strict >). Vectors
  // without a key that stays are skipped, because the Gumbel number costs two logarithms.
  keys.each((four, index) => {
    const stays = f.local("v128", choice.stays(four, index));
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
          f32x4.div(turned(four), temperature),
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
