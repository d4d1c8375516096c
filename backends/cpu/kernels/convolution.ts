/**
 * A short causal convolution of each column. Four columns go through the tokens together, with the tokens that
 * they still see in registers:
 *
 * ```text
 * tokens        a b c d e        taps 3: at d, past = (b, c)
 * out[d] = w[0] b + w[1] c + w[2] d,   then past = (c, d)
 * ```
 *
 * @module
 */
import type { Dim, KernelAttributes, View } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i64,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { checkedIndex } from "./convert.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import { storeLanes } from "./vector_loop.ts";

/** Four columns of a row of the batch. */
interface Four {
  /** Row of the batch. */
  readonly b: Int;
  /** The first column. */
  readonly column: Int;
  /** Bytes from a row of the matrix to the next, in elements: all columns. */
  readonly columns: number;
  /** One vector for each tap. */
  readonly weights: readonly Vector[];
  /** The last tokens, oldest first. */
  readonly past: readonly Local<"v128">[];
}

/** The launches of a `convolution` call: x, weight, segments, out. */
export function lowerConvolution(
  attributes: KernelAttributes["convolution"],
  views: readonly View[],
): Launch[] {
  const { columns, taps, reverse } = attributes;
  return [{
    key: keyOf("convolution", [columns, taps, reverse], dimsOf(attributes)),
    views,
    writes: [3],
    dims: dimsOf(attributes),
    build: (k) => {
      const { f } = k;
      const [x, weight, segments, out] = k.at;
      const T = k.dims[1];
      eachFour(k, { columns, taps, weight }, (four) => {
        // Tokens in order (`reverse`: from the last): each is loaded once, and stays in registers for `taps` of them.
        for (const p of four.past) f.set(p, f32x4.const(0));
        const before = f.local("i32", i32.const(0));
        f.for(i64.const(0), T, 1, (n) => {
          const t = reverse ? i64.sub(i64.sub(T, i64.const(1)), n) : n;
          const row = f.local("i64", i64.add(i64.mul(four.b, T), t));
          const segment = f.local("i32", i32.load(element(segments, row)));
          // the first token of a segment sees none of the one before
          f.if(
            i32.ne(segment, before),
            () => four.past.forEach((p) => f.set(p, f32x4.const(0))),
          );
          f.set(before, segment);
          convolve(f, four, { x, out, row });
        });
      });
    },
  }];
}

/** The launches of a `convolution_cached` call: x, weight, lengths, counts, index, out, tail. */
export function lowerCachedConvolution(
  attributes: KernelAttributes["convolution_cached"],
  views: readonly View[],
): Launch[] {
  const { columns, taps, slots } = attributes;
  return [{
    key: keyOf(
      "convolution_cached",
      [columns, taps, slots],
      dimsOf(attributes),
    ),
    views,
    writes: [5, 6],
    dims: dimsOf(attributes),
    build: (k) => {
      const { f } = k;
      const [x, weight, lengths, counts, index, out, tail] = k.at;
      const T = k.dims[1];
      eachFour(k, { columns, taps, weight }, (four) => {
        const { b, column } = four;
        const slot = checkedIndex(f, element(index, b), i64.const(slots));
        const count = checkedIndex(
          f,
          element(counts, b),
          i64.add(T, i64.const(1)),
        );
        const first = i64.mul(slot, i64.const((taps - 1) * columns));
        const start = f.local(
          "i64",
          element(tail, i64.add(first, column)),
        );
        f.if(
          i32.eqz(i32.load(element(lengths, b))),
          () => four.past.forEach((p) => f.set(p, f32x4.const(0))),
          () =>
            four.past.forEach((p, i) =>
              f.set(p, v128.load(start, 4 * columns * i))
            ),
        );
        // New tokens in order; those from count on are padding, which leaves the past as it is.
        f.for(i64.const(0), T, 1, (t) => {
          const row = f.local("i64", i64.add(i64.mul(b, T), t));
          f.if(
            i64.ltS(t, count),
            () => convolve(f, four, { x, out, row }),
            () => put(f, four, placeOf(four, out, row), f32x4.const(0)),
          );
        });
        four.past.forEach((p, i) =>
          put(f, four, i64.add(start, i64.const(4 * columns * i)), p)
        );
      });
    },
  }];
}

function dimsOf({ B, T }: { readonly B: Dim; readonly T: Dim }): Dim[] {
  return [B, T];
}

/** Runs `body` for every four columns of every row of the batch. */
function eachFour(
  k: Kernel,
  { columns, taps, weight }: { columns: number; taps: number; weight: Int },
  body: (four: Four) => void,
): void {
  const { f } = k;
  const fours = Math.ceil(columns / 4);
  k.pieces(i64.mul(k.dims[0], i64.const(fours)), (piece) => {
    const b = f.local("i64", i64.divU(piece, i64.const(fours)));
    const column = f.local(
      "i64",
      i64.mul(
        i64.sub(piece, i64.mul(b, i64.const(fours))),
        i64.const(4),
      ),
    );
    // Rows of the weight are not adjacent: four are loaded as lanes, and missing ones repeat the last row.
    const lanes = [0, 1, 2, 3].map((lane) =>
      f.local(
        "i64",
        element(
          weight,
          i64.mul(
            i64.min(
              f.local("i64", i64.add(column, i64.const(lane))),
              i64.const(columns - 1),
            ),
            i64.const(taps),
          ),
        ),
      )
    );
    const weights = Array.from({ length: taps }, (_, tap) => {
      const [a, b, c, d] = lanes.map((at) => v128.load32Splat(at, 4 * tap));
      const low = v128.shuffle32(a, b, [0, 4, 0, 4]);
      const high = v128.shuffle32(c, d, [0, 4, 0, 4]);
      return f.local("v128", v128.shuffle32(low, high, [0, 1, 4, 5]));
    });
    const past = Array.from({ length: taps - 1 }, () => f.local("v128"));
    body({ b, column, columns, weights, past });
  });
}

/** One token of four columns. */
function convolve(
  f: FunctionBuilder,
  four: Four,
  { x, out, row }: { x: Int; out: Int; row: Int },
): void {
  const { weights, past } = four;
  const now = f.local("v128", v128.load(placeOf(four, x, row)));
  let sum = f32x4.mul(weights[past.length], now);
  for (let i = past.length - 1; i >= 0; i--) {
    sum = f32x4.madd(weights[i], past[i], sum);
  }
  put(f, four, placeOf(four, out, row), sum);
  past.forEach((p, i) => f.set(p, past[i + 1] ?? now));
}

/** Address of the four columns in a row of a matrix. */
function placeOf({ column, columns }: Four, base: Int, row: Int): Int {
  return element(base, i64.add(i64.mul(row, i64.const(columns)), column));
}

/** Stores the columns that exist. */
function put(
  f: FunctionBuilder,
  { column, columns }: Four,
  address: Int,
  value: Vector,
): void {
  if (columns % 4 === 0) return f.store(address, value);
  const at = f.local("i64", address);
  const held = f.hold(value);
  const rest = f.local("i64", i64.sub(i64.const(columns), column));
  f.if(
    i64.geS(rest, i64.const(4)),
    () => f.store(at, held),
    () => storeLanes(f, { address: at }, held, rest),
  );
}
