/**
 * Kernels over elements that are not expressions: copy with conversion, fill, rotary embedding.
 * @module
 */
import {
  bytesOf,
  type DType,
  type KernelAttributes,
  type View,
} from "@denotune/denotune/device";
import {
  f32x4,
  f64x2,
  type FunctionBuilder,
  i32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import {
  checkedIndex,
  loadWidened,
  narrow,
  patternOf,
  storeBytes,
  storeHalves,
} from "./convert.ts";
import { lowerDequantize } from "./quantized.ts";
import { rowsPerPiece } from "./row_moves.ts";
import { element, type Kernel, keyOf, type Launch } from "./launch.ts";
import { storeLanes, vectorLoop } from "./vector_loop.ts";

/** Elements of one piece. */
const PIECE = 16384;

/** The launches of a `copy` call. */
export function lowerCopy(
  attributes: KernelAttributes["copy"],
  views: readonly [x: View, out: View],
): Launch[] {
  if (attributes.quantized !== undefined) {
    const [x, out] = views;
    return [lowerDequantize(attributes.quantized, { x, out })];
  }
  const [from, to] = views.map((v) => v.dtype);
  const dims = [attributes.elements];
  return [{
    key: keyOf("copy", [from, to], dims),
    views,
    writes: [1],
    dims,
    build: (k) =>
      k.ranges(
        k.dims[0],
        PIECE,
        (first, end) => copyRange(k, { from, to }, first, end),
      ),
  }];
}

/** Copies elements first .. end, four at a time. */
function copyRange(
  k: Kernel,
  dtypes: { from: DType; to: DType },
  first: Int,
  end: Int,
): void {
  const { f } = k;
  const { from, to } = dtypes;
  const addressAt = (base: Int, index: Int, dtype: DType) =>
    i64.add(base, i64.mul(index, i64.const(bytesOf(dtype))));
  vectorLoop(f, { from: first, to: end }, ({ index, rest }) => {
    const source = addressAt(k.at[0], index, from);
    const target = addressAt(k.at[1], index, to);
    // 16-bit numbers that stay so are moved as patterns: four a vector, in the low halves of its lanes.
    if (from === to && bytesOf(from) === 2) {
      return storeHalves(f, target, v128.load16x4U(source), rest);
    }
    // Anything else passes through four float32 (or i32, where both sides are).
    const value = from === to
      ? v128.load(source)
      : loadWidened(f, from, source);
    if (to === "i8") storeBytes(f, target, value);
    else if (to === "bf16" || to === "f16") {
      storeHalves(f, target, narrow(f, to, value), rest);
    } else storeLanes(f, { address: target }, value, rest);
  });
}

/** The launches of a `fill` call. */
export function lowerFill(
  attributes: KernelAttributes["fill"],
  out: View,
): Launch[] {
  const dims = [attributes.elements];
  // The pattern is literal code: two 16-bit numbers fill 32 bits.
  const bits = patternOf(out.dtype, attributes.value);
  const bytes = bytesOf(out.dtype);
  return [{
    key: keyOf("fill", [bits, bytes], dims),
    views: [out],
    writes: [0],
    dims,
    build: (k) =>
      k.ranges(
        k.dims[0],
        PIECE,
        (from, to) =>
          vectorLoop(k.f, { from, to, unroll: 4 }, ({ index, ahead, rest }) => {
            const address = i64.add(
              k.at[0],
              i64.mul(i64.add(index, i64.const(ahead)), i64.const(bytes)),
            );
            const lanes = i32x4.const(bits);
            if (bytes === 4) storeLanes(k.f, { address }, lanes, rest);
            else {storeHalves(
                k.f,
                address,
                v128.and(lanes, i32x4.const(0xffff)),
                rest,
              );}
          }),
      ),
  }];
}

/** The launches of a `rope` call. */
export function lowerRope(
  attributes: KernelAttributes["rope"],
  views: readonly [x: View, positions: View, table: View, out: View],
): Launch[] {
  const { heads, headDim, rotary, inverse } = attributes;
  const [x, , table, out] = views;
  const inPlace = x.buffer === out.buffer && x.offset === out.offset &&
    (x.advance ?? 0) === (out.advance ?? 0);
  const dims = [attributes.rows, table.shape[0]];
  return [{
    key: keyOf("rope", [heads, headDim, rotary, inverse, inPlace], dims),
    views,
    writes: [3],
    dims,
    build: (k) => {
      const { f } = k;
      const width = heads * headDim;
      k.ranges(
        k.dims[0],
        rowsPerPiece(width),
        (from, to) =>
          f.for(from, to, 1, (row) => {
            const position = checkedIndex(f, element(k.at[1], row), k.dims[1]);
            const half = Math.floor(rotary / 2);
            // A line of the table: the cosines of `half` angles, then their sines.
            const cosines = f.local(
              "i64",
              element(k.at[2], i64.mul(position, i64.const(2 * half))),
            );
            const start = i64.mul(row, i64.const(width));
            const source = f.local("i64", element(k.at[0], start));
            const target = f.local("i64", element(k.at[3], start));
            f.for(i64.const(0), i64.const(heads), 1, () => {
              // Element i of a head turns with element i + half; elements beyond `rotary` are copied, unless in place.
              rotateHead(k, { half, inverse, source, target, cosines });
              if (!inPlace && 2 * half < headDim) {
                copyRest(k, { source, target, from: 2 * half, to: headDim });
              }
              f.increase(source, i64.const(4 * headDim));
              f.increase(target, i64.const(4 * headDim));
            });
          }),
      );
    },
  }];
}

/** Turns a head, four pairs at a time: a pair is read before either of its elements is written, so in place too. */
function rotateHead(
  k: Kernel,
  head: {
    half: number;
    inverse: boolean;
    source: Int;
    target: Int;
    cosines: Int;
  },
): void {
  const { f } = k;
  const { half, source, target } = head;
  vectorLoop(
    f,
    { from: i64.const(0), to: i64.const(half) },
    ({ index, rest }) => {
      const second = 4 * half;
      const at = f.local("i64", element(source, index));
      const to = f.local("i64", element(target, index));
      const angle = f.local("i64", element(head.cosines, index));
      const cos = f.local("v128", v128.load(angle));
      // The gradient turns back: by the negative angle.
      const sin = f.local(
        "v128",
        head.inverse
          ? f32x4.neg(v128.load(angle, second))
          : v128.load(angle, second),
      );
      const a = f.local("v128", v128.load(at));
      const b = f.local("v128", v128.load(at, second));
      const [first, rotated] = rotate(f, { a, b, cos, sin });
      storeLanes(f, { address: to }, first, rest);
      storeLanes(f, { address: to, offset: second }, rotated, rest);
    },
  );
}

/**
 * a cos - b sin and b cos + a sin. In double, rounded once: keys and queries are multiplied next, and scores
 * are exponents, so what is rounded here comes back many times over.
 */
function rotate(
  f: FunctionBuilder,
  of: Readonly<Record<"a" | "b" | "cos" | "sin", Vector>>,
): [Vector, Vector] {
  // Two doubles a vector: lanes 0 and 1, then 2 and 3.
  const halves = [0, 1].map((half) => {
    const wide = (x: Vector) =>
      f.local(
        "v128",
        f64x2.promoteLow(
          half === 0 ? x : v128.shuffle32(x, x, [2, 3, 2, 3]),
        ),
      );
    const [a, b, cos, sin] = [of.a, of.b, of.cos, of.sin].map(wide);
    return [
      f64x2.sub(f64x2.mul(a, cos), f64x2.mul(b, sin)),
      f64x2.add(f64x2.mul(b, cos), f64x2.mul(a, sin)),
    ].map((x) => f.local("v128", f64x2.demote(x)));
  });
  const join = (i: number) =>
    f.local("v128", v128.shuffle32(halves[0][i], halves[1][i], [0, 1, 4, 5]));
  return [join(0), join(1)];
}

/** Copies the elements of a head that are not turned. */
function copyRest(
  k: Kernel,
  head: { source: Int; target: Int; from: number; to: number },
): void {
  vectorLoop(
    k.f,
    { from: i64.const(head.from), to: i64.const(head.to) },
    ({ index, rest }) => {
      const value = v128.load(element(head.source, index));
      storeLanes(k.f, { address: element(head.target, index) }, value, rest);
    },
  );
}
