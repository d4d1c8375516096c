/**
 * Matrix products.
 * @module
 */
import { type Lower, WEIGHTS } from "../shader/dispatch.ts";
import { naiveMatmul } from "./matmul_naive.ts";
import type { Product } from "./matmul_product.ts";

/** out = alpha * op(a) op(b) + bias + addend, for each batch. */
export const matmul: Lower<"matmul"> = (lowering) => {
  const { attributes, inputs, outputs } = lowering;
  const [batch, m, n, k] = [
    attributes.batch,
    attributes.m,
    attributes.n,
    attributes.k,
  ].map((d) => lowering.capacity(d));
  const product: Product = {
    ...attributes,
    a: lowering.expect("a", inputs[0], batch * m * k),
    b: lowering.expect("b", inputs[1], batch * k * n, WEIGHTS),
    bias: attributes.bias ? lowering.expect("bias", inputs[2], n) : null,
    addend: attributes.addend
      ? lowering.expect(
        "addend",
        inputs[attributes.bias ? 3 : 2],
        batch * m * n,
      )
      : null,
    out: lowering.expect("out", outputs[0], batch * m * n),
  };
  lowering.emit(naiveMatmul(product));
};
