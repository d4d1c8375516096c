/**
 * A run of columns of a product of few rows: where its operands are, and how its sums are stored.
 * @module
 */
import {
  bytesOf,
  type KernelAttributes,
  type View,
} from "@denotune/denotune/device";
import {
  f32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { element, type Kernel } from "../launch.ts";
import type { MatrixAt } from "../quantized.ts";
import { storeLanes } from "../vector_loop.ts";

type Attributes = KernelAttributes["matmul"];

/** A run of columns of the result. */
export interface Block extends Attributes {
  readonly dtype: View["dtype"];
  readonly from: Int;
  readonly to: Int;
  /** Addresses of the batch's matrices. */
  readonly a: Int;
  readonly b: Int;
  readonly biasAt: Int | null;
  readonly addendAt: Int | null;
  readonly out: Int;
  /** Where b is quantised: four of its rows at a time are widened into the worker's own memory, or in registers. */
  readonly matrix: MatrixAt | null;
  readonly inRegisters: boolean;
}

/** Addresses of the matrices of one product of the batch. */
export function addressesOf(
  k: Kernel,
  attributes: Attributes,
  at: { dtype: View["dtype"]; which: Int },
): Pick<Block, "a" | "b" | "biasAt" | "addendAt" | "out"> {
  const { f } = k;
  const [, m, n, depth] = k.dims;
  let next = 0;
  const take = () => k.at[next++];
  const matrix = (base: Int, rows: Int, columns: Int, size = 4) =>
    f.local(
      "i64",
      i64.add(
        base,
        i64.mul(at.which, i64.mul(i64.mul(rows, columns), i64.const(size))),
      ),
    );
  const a = matrix(take(), m, depth);
  const b = matrix(take(), depth, n, bytesOf(at.dtype));
  const biasAt = attributes.bias ? take() : null;
  const addendAt = attributes.addend ? matrix(take(), m, n) : null;
  return { a, b, biasAt, addendAt, out: matrix(take(), m, n) };
}

/** Stores four sums with the epilogue. */
export function finish(
  k: Kernel,
  block: Block,
  at: { row: Int; column: Int; rest: Int | null },
  sum: Vector,
): void {
  const { f } = k;
  let value = block.alpha === 1
    ? sum
    : f32x4.mul(sum, f32x4.const(block.alpha));
  if (block.biasAt !== null) {
    value = f32x4.add(value, v128.load(element(block.biasAt, at.column)));
  }
  const index = f.local("i64", i64.add(i64.mul(at.row, k.dims[2]), at.column));
  if (block.addendAt !== null) {
    value = f32x4.add(value, v128.load(element(block.addendAt, index)));
  }
  storeLanes(f, { address: element(block.out, index) }, value, at.rest);
}
