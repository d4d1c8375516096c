/**
 * The product of one row with weights in panels, in WebAssembly: numbers of a panel come from memory once, one behind the
 * other, and the sums of its columns stay in registers. Calls of a library cost more than they save here.
 *
 * ```text
 * sums of 48 columns += a[0] * (48 numbers), a[1] * (the next 48), ...     12 vectors of sums
 * ```
 * @module
 */
import type { KernelAttributes, View } from "@denotune/denotune/device";
import { f32x4, i64, type Int, v128 } from "../../assembler/mod.ts";
import { addressesOf, type Block, finish } from "./few_rows_block.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";

/** The launches of a `matmul` call NT of one row whose b is in panels of `panelRows`, a multiple of 4. */
export function lowerOneRowPanels(
  attributes: KernelAttributes["matmul"],
  inputs: readonly View[],
  out: View,
  panelRows: number,
): Launch[] {
  const { alpha, bias, addend } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  return [{
    key: keyOf("matmul_row_panels", [alpha, bias, addend, panelRows], dims),
    views: [...inputs, out],
    writes: [inputs.length],
    dims,
    build: (k) => {
      const { f } = k;
      const [, m, n, depth] = k.dims;
      // no pieces where there is no row
      const panels = i64.mul(m, i64.ceilDiv(n, panelRows));
      k.pieces(panels, (panel) => {
        const from = f.local("i64", i64.mul(panel, i64.const(panelRows)));
        const count = f.local("i64", i64.sub(n, from));
        f.set(count, i64.min(count, i64.const(panelRows)));
        const addresses = addressesOf(k, attributes, {
          dtype: "f32",
          which: i64.const(0),
        });
        const block: Block = {
          ...attributes,
          ...addresses,
          dtype: "f32",
          from,
          to: f.local("i64", i64.add(from, count)),
          matrix: null,
          inRegisters: false,
        };
        const at = f.local(
          "i64",
          element(block.b, i64.mul(from, depth)),
        );
        f.if(
          i64.geS(count, i64.const(panelRows)),
          () =>
            columns(k, block, {
              at,
              first: i64.const(0),
              vectors: panelRows / 4,
              step: i64.const(4 * panelRows),
              rest: null,
            }),
          () =>
            // of the last panel four columns at a time; beyond it numbers are read and their sums not stored
            f.for(i64.const(0), count, 4, (first) =>
              columns(k, block, {
                at,
                first,
                vectors: 1,
                step: i64.mul(count, i64.const(4)),
                rest: f.local("i64", i64.sub(count, first)),
              })),
        );
      });
    },
  }];
}

/** Some vectors of columns of a panel that begins at `at`, from column `first` of the panel on. */
function columns(
  k: Kernel,
  block: Block,
  { at, first, vectors, step, rest }: {
    readonly at: Int;
    readonly first: Int;
    readonly vectors: number;
    /** Bytes from one number of a to the next of the same column of b. */
    readonly step: Int;
    readonly rest: Int | null;
  },
): void {
  const { f } = k;
  const sums = Array.from({ length: vectors }, () => f.local("v128"));
  for (const sum of sums) f.set(sum, f32x4.const(0));
  const from = f.local("i64", element(at, first));
  const bytes = f.hold(step);
  f.for(i64.const(0), k.dims[3], 1, (index) => {
    const a = f.local("v128", v128.load32Splat(element(block.a, index)));
    for (const [v, sum] of sums.entries()) {
      f.set(sum, f32x4.madd(a, v128.load(from, 16 * v), sum));
    }
    f.increase(from, bytes);
  });
  for (const [v, sum] of sums.entries()) {
    const column = f.local(
      "i64",
      i64.add(block.from, i64.add(first, i64.const(4 * v))),
    );
    const store = (rest: Int | null) =>
      finish(k, block, { row: i64.const(0), column, rest }, sum);
    if (rest === null) store(null);
    else {
      f.if(i64.geS(rest, i64.const(4)), () => store(null), () => store(rest));
    }
  }
}
