/**
 * Matrix products of a few rows, as in decoding: b is read once, straight from its tensor, because packing
 * it would cost as much as the product.
 * @module
 */
import {
  type KernelAttributes,
  NF4_BLOCK,
  quantizedFactor,
  type View,
} from "@denotune/denotune/device";
import { i64 } from "../../assembler/mod.ts";
import { addressesOf, type Block } from "./few_rows_block.ts";
import { dotBlock } from "./few_rows_dot.ts";
import { addLines } from "./few_rows_lines.ts";
import { keyOf, type Launch } from "../launch.ts";

/** Most rows for which this is the better way; with a quantised b in the layout NT only. */
export const MOST_ROWS = 4;
/** Most rows for which a quantised b is widened in registers: two rows share what is widened once. */
const REGISTER_ROWS = 2;
/** Numbers of b in one piece, about. */
const PIECE = 1 << 16;
/**
 * Columns of one piece of NN, at least and at most: short pieces of a line come at half the speed. Sums do not
 * depend on how columns are shared out.
 */
const SPAN = { least: 64, most: 384 };

type Attributes = KernelAttributes["matmul"];

/** The launches of a `matmul` call of few rows, NN or NT. `rows`, `depth` and `width` are m, k and n at capacity. */
export function lowerFewRowsMatmul(
  attributes: Attributes,
  inputs: readonly View[],
  out: View,
  { rows, depth, width, workers }: {
    readonly rows: number;
    readonly depth: number;
    readonly width: number;
    readonly workers: number;
  },
): Launch[] {
  const { layout, alpha, bias, addend } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  const quantized = quantizedFactor(attributes);
  const dtype = quantized === null ? inputs[1].dtype : "f32"; // as it is read
  // A piece of NT reads some 65,000 numbers of b, whatever its shape; one of NN is as wide as leaves each worker one.
  const span = Math.max(8, Math.floor(PIECE / Math.max(1, depth) / 8) * 8);
  const share = 16 * Math.ceil(width / workers / 16);
  const columns = layout === "NT"
    ? span
    : Math.min(SPAN.most, Math.max(SPAN.least, share));
  const inRegisters = quantized !== null && rows <= REGISTER_ROWS &&
    (quantized.format === "int8" || quantized.columns % NF4_BLOCK === 0);
  return [{
    key: keyOf(
      "matmul_small",
      [layout, alpha, bias, addend, dtype, quantized, columns, inRegisters],
      dims,
    ),
    views: [...inputs, out],
    writes: [inputs.length],
    dims,
    // NN keeps a row of sums for each row of a; a quantised b keeps four widened rows.
    scratch: 4 * (quantized === null ? columns * MOST_ROWS : 4 * depth) + 64,
    build: (k) => {
      const { f } = k;
      const [batch, m, n] = k.dims;
      const blocks = f.hold(i64.ceilDiv(n, columns));
      // piece -> (matrix of the batch, run of columns).
      k.pieces(i64.mul(batch, blocks), (piece) => {
        const which = f.local("i64", i64.divU(piece, blocks));
        const from = f.local(
          "i64",
          i64.mul(i64.sub(piece, i64.mul(which, blocks)), i64.const(columns)),
        );
        const to = f.local("i64", i64.add(from, i64.const(columns)));
        f.set(to, i64.min(to, n));
        const block: Block = {
          ...attributes,
          dtype,
          from,
          to,
          matrix: null,
          inRegisters,
          ...addressesOf(k, attributes, { dtype, which }),
        };
        if (quantized !== null) {
          const matrix = { ...quantized, base: block.b };
          return dotBlock(k, { ...block, matrix }, m);
        }
        // NT reads rows of b against all rows of a; NN reads lines of b, twelve at a time, for all rows of a.
        if (layout === "NT") dotBlock(k, block, m);
        else addLines(k, block, m);
      });
    },
  }];
}
