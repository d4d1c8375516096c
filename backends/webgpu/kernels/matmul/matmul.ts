/**
 * Matrix products: checks the operands, chooses a tile, emits its dispatches.
 * @module
 */
import { quantizedFactor } from "@denotune/denotune/device";
import type { Lower, Lowering } from "../../shader/dispatch.ts";
import { broadcastMatmul } from "./broadcast.ts";
import { chooseTileOf } from "./choice.ts";
import { directMatmul } from "./direct.ts";
import { dotMatmul } from "./dot.ts";
import { naiveMatmul } from "./naive.ts";
import type { Product } from "./product.ts";
import { sharedMatmul } from "./shared.ts";
import { addParts } from "./split.ts";
import type { Tile } from "./tiles.ts";

/** out = alpha * op(a) op(b) + bias + addend, for each batch. */
export const matmul: Lower<"matmul"> = (lowering) => {
  const { attributes, outputs } = lowering;
  const [batch, m, n, k] = [
    attributes.batch,
    attributes.m,
    attributes.n,
    attributes.k,
  ].map((d) => lowering.capacity(d));
  const quantized = quantizedFactor(attributes);
  const product: Product = {
    ...attributes,
    quantized,
    a: lowering.input("a"),
    b: lowering.input("b"),
    bias: attributes.bias ? lowering.input("bias") : null,
    addend: attributes.addend ? lowering.input("addend") : null,
    // A software adapter takes seconds to compile a hundred copies; a GPU would spill the loop's array.
    folded: attributes.epilogue !== undefined && lowering.limits.software,
    epilogue: epilogueOf(lowering),
    staged: attributes.factors === "f16" && lowering.limits.halves
      ? "f16"
      : "f32",
    outputs,
  };
  emitProduct(
    lowering,
    product,
    chooseTileOf(
      {
        layout: product.layout,
        dtype: quantized === null ? product.b.dtype : quantized.format,
        ...(attributes.factors === undefined
          ? {}
          : { factors: attributes.factors }),
        batch,
        m,
        n,
        k,
      },
      lowering.limits,
    ),
  );
};

/** The epilogue with its inputs, or null where there is none. */
function epilogueOf(
  { attributes: { epilogue, bias, addend }, inputs }: Lowering<"matmul">,
): Product["epilogue"] {
  if (epilogue === undefined) return null;
  const views = inputs.slice(2 + Number(bias) + Number(addend));
  return { ...epilogue, views };
}

/** Emits a product cut in a given way. */
export function emitProduct(
  lowering: Pick<
    Lowering<"matmul">,
    "emit" | "scratch" | "capacity" | "limits"
  >,
  product: Product,
  tile: Tile,
): void {
  if (tile.kind === "naive") {
    lowering.emit(naiveMatmul(product));
    return;
  }
  if (tile.kind === "dot") {
    lowering.emit(dotMatmul(product, tile, lowering.limits));
    return;
  }
  const { batch, m, n } = product;
  const target = tile.split === 1 ? null : {
    parts: lowering.scratch(
      tile.split * lowering.capacity(batch) * lowering.capacity(m) *
        lowering.capacity(n),
    ),
  };
  lowering.emit(
    tile.kind === "shared"
      ? sharedMatmul(product, tile, target)
      : tile.kind === "broadcast"
      ? broadcastMatmul(
        product,
        tile,
        target,
        lowering.limits.subgroup?.max ?? 1,
      )
      : directMatmul(product, tile, target),
  );
  if (target !== null) lowering.emit(addParts(product, target, tile.split));
}
