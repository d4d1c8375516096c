/**
 * The products of a plan, as tiles are chosen by.
 * @module
 */
import { type Plan, sizeOf } from "@denotune/denotune/device";
import { shapeKey } from "../kernels/matmul/choice.ts";
import type { ProductShape } from "../kernels/matmul/tiles.ts";

/** Shapes of all products of a plan at capacity, each once; those of quantised matrices are not measured. */
export function productsOf({ segments, capacities }: Plan): ProductShape[] {
  const shapes = new Map<string, ProductShape>();
  for (const { calls, repeat } of segments) {
    const extents = repeat === undefined
      ? capacities
      : { ...capacities, [repeat.as]: repeat.chunk };
    for (const { kernel, attributes, inputs } of calls) {
      if (kernel !== "matmul" || attributes.quantized !== undefined) continue;
      const [batch, m, n, k] = [
        attributes.batch,
        attributes.m,
        attributes.n,
        attributes.k,
      ].map((d) => sizeOf(d, extents));
      if (batch * m * n * k === 0) continue;
      const shape: ProductShape = {
        layout: attributes.layout,
        dtype: inputs[1].dtype,
        ...(attributes.factors === undefined
          ? {}
          : { factors: attributes.factors }),
        batch,
        m,
        n,
        k,
      };
      shapes.set(shapeKey(shape), shape);
    }
  }
  return [...shapes.values()];
}
