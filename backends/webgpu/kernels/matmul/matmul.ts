/**
 * Matrix products: checks the operands, chooses a tile, emits its dispatches.
 * @module
 */
import {
  DeviceError,
  type KernelAttributes,
  type QuantizedShape,
  quantizedWords,
} from "@denotune/denotune/core";
import {
  INDEX,
  type Lower,
  type Lowering,
  WEIGHTS,
} from "../../shader/dispatch.ts";
import { checkInputs } from "../../shader/expression.ts";
import { broadcastMatmul } from "./broadcast.ts";
import { chooseTileOf } from "./choice.ts";
import { directMatmul } from "./direct.ts";
import { dotMatmul } from "./dot.ts";
import { naiveMatmul } from "./naive.ts";
import type { Product } from "./product.ts";
import { sharedMatmul } from "./shared.ts";
import { addParts } from "./split.ts";
import type { Tile } from "./tiles.ts";
import { expectProgramInputs } from "../program_inputs.ts";

/** out = alpha * op(a) op(b) + bias + addend, for each batch. */
export const matmul: Lower<"matmul"> = (lowering) => {
  const { attributes, inputs, outputs } = lowering;
  const [batch, m, n, k] = [
    attributes.batch,
    attributes.m,
    attributes.n,
    attributes.k,
  ].map((d) => lowering.capacity(d));
  const quantized = quantizedShape(attributes);
  const product: Product = {
    ...attributes,
    quantized,
    a: lowering.expect("a", inputs[0], batch * m * k),
    b: quantized === null
      ? lowering.expect("b", inputs[1], batch * k * n, WEIGHTS)
      : lowering.expect("b", inputs[1], quantizedWords(quantized), INDEX),
    bias: attributes.bias ? lowering.expect("bias", inputs[2], n) : null,
    addend: attributes.addend
      ? lowering.expect(
        "addend",
        inputs[attributes.bias ? 3 : 2],
        batch * m * n,
      )
      : null,
    // A software adapter compiles for seconds what stands there a hundred times; a GPU would spill the loop's array.
    folded: attributes.epilogue !== undefined && lowering.limits.software,
    epilogue: epilogueOf(lowering, { rows: batch * m, columns: n }),
    outputs: outputs.map((view, o) =>
      lowering.expect(`output ${o}`, view, batch * m * n)
    ),
  };
  emitProduct(
    lowering,
    product,
    chooseTileOf(
      {
        layout: product.layout,
        dtype: quantized === null ? product.b.dtype : quantized.format,
        batch,
        m,
        n,
        k,
      },
      lowering.limits,
    ),
  );
};

/** The epilogue with what it reads, or null where there is none. */
function epilogueOf(
  lowering: Lowering<"matmul">,
  space: { rows: number; columns: number },
): Product["epilogue"] {
  const { attributes: { epilogue, bias, addend }, inputs, outputs } = lowering;
  const count = epilogue?.writes.length ?? 1;
  if (outputs.length !== count || count === 0) {
    throw new DeviceError(`there are ${outputs.length} outputs for ${count}`);
  }
  if (epilogue === undefined) return null;
  const accesses = ["matrix" as const, ...epilogue.inputs];
  checkInputs(epilogue.writes, accesses.length);
  const views = inputs.slice(2 + Number(bias) + Number(addend));
  const expect = lowering.expect.bind(lowering);
  expectProgramInputs(
    { inputs: views, expect },
    accesses,
    epilogue.writes,
    space,
    {
      first: 1,
    },
  );
  return { ...epilogue, views };
}

/** The matrix that a product reads as b, or null where b holds plain numbers. */
function quantizedShape(
  { quantized, layout, batch, n, k }: KernelAttributes["matmul"],
): QuantizedShape | null {
  if (quantized === undefined) return null;
  if (typeof n !== "number" || typeof k !== "number" || batch !== 1) {
    throw new DeviceError(
      "b is quantised, but its size is not fixed, or there is more than one",
    );
  }
  const [rows, columns] = layout === "NT" ? [n, k] : [k, n];
  return { format: quantized, rows, columns };
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
