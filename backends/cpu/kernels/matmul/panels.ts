/**
 * Matrix products of weights in panels, which a library reads as they lie: rows of a times one panel after the other.
 * @module
 */
import {
  type Extents,
  type KernelAttributes,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import type { Launch } from "../launch.ts";
import { builtElsewhere, startOf } from "./blas.ts";
import { lowerOneRowPanels } from "./one_row_panels.ts";

/**
 * Panels that oneDNN multiplies without copying: its kernel takes 48 columns side by side, so that each panel is read
 * once, from one place on. Products of GPT-2 124M with eight rows take 15 ms so, and 20 where it copies the rows of a
 * matrix by outputs first; more rows gain too.
 */
export const ONEDNN_PANELS = { rows: 48, leastElements: 1 << 16 };

/** The launches of a `matmul` call NT whose b is in panels. */
export function lowerPanelMatmul(
  attributes: KernelAttributes["matmul"],
  inputs: readonly View[],
  out: View,
  capacities: Extents,
): Launch[] {
  const { alpha, bias, addend, batch, m, n, k } = attributes;
  const [a, b] = inputs;
  if (sizeOf(m, capacities) === 1) {
    return lowerOneRowPanels(attributes, inputs, out, b.panelRows ?? 4);
  }
  return [...startOf(attributes, inputs, out), {
    key: "panels",
    views: [a, b, out],
    writes: [2],
    dims: [batch, m, n, k],
    build: builtElsewhere,
    blas: {
      layout: "NN",
      alpha,
      factors: "f32",
      accumulate: bias || addend,
      widened: false,
      panelRows: b.panelRows,
    },
  }];
}
