/**
 * Matrix products of bf16 factors: what the output must hold first, and the product itself by a library.
 * @module
 */
import {
  DeviceError,
  type KernelAttributes,
  type View,
} from "@denotune/denotune/device";
import type { Launch } from "../launch.ts";
import { builtElsewhere, startOf } from "./blas.ts";

/** The launches of a `matmul` call of bf16 factors. Throws `DeviceError` on a device without a library for them. */
export function lowerBfloat16Matmul(
  attributes: KernelAttributes["matmul"],
  inputs: readonly View[],
  out: View,
  { available }: { readonly available: boolean },
): Launch[] {
  if (!available) {
    throw new DeviceError(
      "This cpu device multiplies in float32: it was not opened for products of bfloat16",
    );
  }
  const { layout, alpha, bias, addend, batch, m, n, k } = attributes;
  const [a, b] = inputs;
  return [...startOf(attributes, inputs, out), {
    key: "bfloat16",
    views: [a, b, out],
    writes: [2],
    dims: [batch, m, n, k],
    build: builtElsewhere,
    blas: {
      layout,
      alpha,
      factors: "bf16",
      accumulate: bias || addend,
      widened: false,
    },
  }];
}
