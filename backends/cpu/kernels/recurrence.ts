/**
 * A linear recurrence with a matrix as its state. A piece of work is one head of one row of the batch. Its state is
 * stored in the worker's scratch memory, with rows padded to whole vectors. Four value columns are computed at once.
 * @module
 */
import type { Dim, KernelAttributes, View } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i64,
  type Int,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { exp } from "../simd_math.ts";
import { checkedIndex } from "./convert.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import { copyRow } from "./row_moves.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** Sizes that the code depends on. */
interface Sizes {
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** A head of a row of the batch, and the tensors. */
interface Place {
  readonly b: Int;
  readonly head: Int;
  readonly q: Int;
  readonly k: Int;
  readonly v: Int;
  readonly decay: Int;
  readonly out: Int;
}

/** Elements of a row of the state. */
function padded(valueDim: number): number {
  return 4 * Math.ceil(valueDim / 4);
}

function launch(
  name: string,
  { B, T, heads, keyDim, valueDim, ...more }:
    & Sizes
    & { readonly B: Dim; readonly T: Dim }
    & Readonly<Record<string, unknown>>,
  rest: Pick<Launch, "views" | "writes" | "build">,
): Launch {
  return {
    key: keyOf(name, [heads, keyDim, valueDim, more], [B, T]),
    dims: [B, T],
    scratch: 4 * keyDim * padded(valueDim),
    ...rest,
  };
}

/** The launches of a `recurrence` call: q, k, v, decay, segments, out. */
export function lowerRecurrence(
  attributes: KernelAttributes["recurrence"],
  views: readonly View[],
): Launch[] {
  const { reverse } = attributes;
  return [launch("recurrence", { ...attributes }, {
    views,
    writes: [5],
    build: (k) => {
      const { f } = k;
      const [q, keys, v, decay, segments, out] = k.at;
      const T = k.dims[1];
      eachHead(k, attributes, (b, head) => {
        const place = { b, head, q, k: keys, v, decay, out };
        // Tokens in order (`reverse`: from the last to the first), because each state depends on the one before.
        // Heads are independent, so they are the pieces.
        f.for(i64.const(0), T, 1, (n) => {
          const t = reverse ? i64.sub(i64.sub(T, i64.const(1)), n) : n;
          const row = f.local("i64", i64.add(i64.mul(b, T), t));
          const before = f.local("i64", i64.sub(row, i64.const(1)));
          if (reverse) f.set(before, i64.add(row, i64.const(1)));
          // The state is zero at the first token and at the start of each segment. The segment before the first
          // token is not loaded: it is outside of the row.
          const starts = f.local("i32", i64.eqz(n));
          f.if(i32.eqz(starts), () =>
            f.set(
              starts,
              i32.ne(
                i32.load(element(segments, before)),
                i32.load(element(segments, row)),
              ),
            ));
          f.if(
            starts,
            () => {
              clear(k, attributes);
              step(k, attributes, { ...place, row, factor: null });
            },
            () => {
              // The decay between two tokens is stored with the later one.
              const later = reverse ? before : row;
              const factor = factorOf(f, attributes, { ...place, row: later });
              step(k, attributes, { ...place, row, factor });
            },
          );
        });
      });
    },
  })];
}

/** The launches of a `recurrence_cached` call: q, k, v, decay, lengths, counts, index, out, state. */
export function lowerCachedRecurrence(
  attributes: KernelAttributes["recurrence_cached"],
  views: readonly View[],
): Launch[] {
  const { heads, keyDim, valueDim, slots } = attributes;
  return [launch("recurrence_cached", { ...attributes }, {
    views,
    writes: [7, 8],
    build: (k) => {
      const { f } = k;
      const [q, keys, v, decay, lengths, counts, index, out, state] = k.at;
      const T = k.dims[1];
      eachHead(k, attributes, (b, head) => {
        const place = { b, head, q, k: keys, v, decay, out };
        const slot = checkedIndex(f, element(index, b), i64.const(slots));
        const count = checkedIndex(
          f,
          element(counts, b),
          i64.add(T, i64.const(1)),
        );
        const kept = f.local(
          "i64",
          element(
            state,
            i64.mul(
              i64.add(i64.mul(slot, i64.const(heads)), head),
              i64.const(keyDim * valueDim),
            ),
          ),
        );
        /** Row i of the slot's state, and of the worker's. */
        const rows = (i: Int) =>
          [
            element(kept, i64.mul(i, i64.const(valueDim))),
            stateRow(k, attributes, i),
          ] as const;
        // The slot's state is copied to padded rows once, updated for all tokens and copied back once. A slot of
        // length 0 starts from zero: it may hold the state of an earlier sequence.
        clear(k, attributes);
        f.if(
          i32.load(element(lengths, b)),
          () =>
            f.for(i64.const(0), i64.const(keyDim), 1, (i) => {
              const [from, to] = rows(i);
              copyRow(f, to, from, valueDim);
            }),
        );
        // Tokens from `count` on are padding: their outputs are 0, and the state does not change.
        f.for(i64.const(0), T, 1, (t) => {
          const row = f.local("i64", i64.add(i64.mul(b, T), t));
          f.if(i64.ltS(t, count), () => {
            const factor = factorOf(f, attributes, { ...place, row });
            step(k, attributes, { ...place, row, factor });
          }, () => {
            const to = f.local(
              "i64",
              headRow(out, { ...place, row }, heads, valueDim),
            );
            vectorLoop(
              f,
              { from: i64.const(0), to: i64.const(valueDim) },
              ({ index: j, rest }) =>
                storeLanes(
                  f,
                  { address: element(to, j) },
                  f32x4.const(0),
                  rest,
                ),
            );
          });
        });
        f.for(i64.const(0), i64.const(keyDim), 1, (i) => {
          const [to, from] = rows(i);
          copyRow(f, to, from, valueDim);
        });
      });
    },
  })];
}

/** Runs `body` for each head of each row of the batch. */
function eachHead(
  k: Kernel,
  { heads }: Sizes,
  body: (b: Int, head: Int) => void,
): void {
  const { f } = k;
  k.pieces(i64.mul(k.dims[0], i64.const(heads)), (piece) => {
    const b = f.local("i64", i64.divU(piece, i64.const(heads)));
    const head = f.local(
      "i64",
      i64.sub(piece, i64.mul(b, i64.const(heads))),
    );
    body(b, head);
  });
}

/** Row i of the worker's state. */
function stateRow(k: Kernel, { valueDim }: Sizes, i: Int): Int {
  return element(k.scratch, i64.mul(i, i64.const(padded(valueDim))));
}

function clear(k: Kernel, { keyDim, valueDim }: Sizes): void {
  const { f } = k;
  f.for(
    i64.const(0),
    i64.const(keyDim * padded(valueDim)),
    4,
    (i) => f.store(element(k.scratch, i), f32x4.const(0)),
  );
}

/** Where the head begins in a row of a matrix of heads of `width`. */
function headRow(
  base: Int,
  { row, head }: { row: Int; head: Int },
  heads: number,
  width: number,
): Int {
  const number = i64.add(i64.mul(row, i64.const(heads)), head);
  return element(base, i64.mul(number, i64.const(width)));
}

/** exp(decay) of a token, in every lane. */
function factorOf(
  f: FunctionBuilder,
  { heads }: Sizes,
  place: Place & { readonly row: Int },
): Vector {
  const at = headRow(place.decay, place, heads, 1);
  return f.local("v128", exp(f, f.local("v128", v128.load32Splat(at))));
}

/** One token: S = factor S + k v^T, out = S^T q; `factor` null: the state is zero. */
function step(
  k: Kernel,
  { heads, keyDim, valueDim }: Sizes,
  place: Place & { readonly row: Int; readonly factor: Vector | null },
): void {
  const { f } = k;
  const row = (base: Int, width: number) =>
    f.local("i64", headRow(base, place, heads, width));
  const [q, key] = [row(place.q, keyDim), row(place.k, keyDim)];
  const [v, out] = [row(place.v, valueDim), row(place.out, valueDim)];
  // The outer loop owns four value columns, the inner one walks down their state. One visit updates a vector of
  // the state and adds it to the output, so the state is read and written once. Keys are added in ascending
  // order, which fixes the rounding.
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(valueDim) },
    ({ index: j, rest }) => {
      const value = f.local("v128", v128.load(element(v, j)));
      const sum = f.local("v128", f32x4.const(0));
      const state = f.local("i64", element(k.scratch, j));
      f.for(i64.const(0), i64.const(keyDim), 1, (i) => {
        const added = v128.load32Splat(element(key, i));
        const before = v128.load(state);
        const after = f.local(
          "v128",
          f32x4.madd(
            added,
            value,
            place.factor === null ? before : f32x4.mul(before, place.factor),
          ),
        );
        f.store(state, after);
        f.set(
          sum,
          f32x4.madd(after, v128.load32Splat(element(q, i)), sum),
        );
        f.increase(state, i64.const(4 * padded(valueDim)));
      });
      storeLanes(f, { address: element(out, j) }, sum, rest);
    },
  );
}
