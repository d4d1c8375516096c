/**
 * Matrix products.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Quantization } from "../dtype.ts";
import type { Access, Expression } from "../expression.ts";
import { type QuantizedShape, quantizedWords } from "../quantize/layout.ts";
import { accessOperands, checkExpression } from "./_accesses.ts";
import {
  INDEX,
  type KernelDefinition,
  type Operand,
  WEIGHTS,
} from "./_definition.ts";

/**
 * What a matrix product writes instead of its result: one expression for each output (batch * m, n). Input 0 of
 * the expressions is the element of the product, with bias and addend; the others are read by access over the
 * (batch * m, n) space, as in a row program.
 */
export interface ProductEpilogue {
  /** How each input after those of the product is read. */
  readonly inputs: readonly Access[];
  /** One for each output; no `value` leaves. */
  readonly writes: readonly Expression[];
}

/** Attributes of `matmul`. */
export interface MatmulAttributes {
  /** Which factor is transposed. NN: a (m, k), b (k, n). NT: a (m, k), b (n, k). TN: a (k, m), b (k, n). */
  readonly layout: "NN" | "NT" | "TN";
  /** How many products, one behind the other. */
  readonly batch: Dim;
  /** Rows of the product. */
  readonly m: Dim;
  /** Its columns. */
  readonly n: Dim;
  /** Terms of a sum. */
  readonly k: Dim;
  /** Factor of the product. */
  readonly alpha: number;
  /** Whether an input (n) is added to every row. */
  readonly bias: boolean;
  /** Whether an input of the shape of out is added. */
  readonly addend: boolean;
  /**
   * Both factors are stored so, and the device lists the precision: `bfloat16`, `float16`. Absent: a in f32, b as any
   * weight.
   */
  readonly factors?: "bf16" | "f16";
  /** How b is quantised: batch 1, n and k are numbers, and the device lists the storage. */
  readonly quantized?: Quantization;
  /**
   * What comes out is exponentiated: where a backend has several ways to add up it takes the one that rounds
   * least.
   */
  readonly exact?: true;
  /** What is written instead of the product, within the device's `epilogues`. */
  readonly epilogue?: ProductEpilogue;
}

/** The matrix in b, where it is quantised. Throws `RangeError` where it cannot be one. */
export function quantizedFactor(
  { layout, batch, n, k, quantized }: Pick<
    MatmulAttributes,
    "layout" | "batch" | "n" | "k" | "quantized"
  >,
): QuantizedShape | null {
  if (quantized === undefined) return null;
  if (batch !== 1 || typeof n !== "number" || typeof k !== "number") {
    throw new RangeError(
      "b is quantised: it must be one matrix of fixed size",
    );
  }
  const [rows, columns] = layout === "NT" ? [n, k] : [k, n];
  return { format: quantized, rows, columns };
}

/**
 * `a, b, bias?, addend?, epilogue inputs... -> out (batch, m, n)`: out = alpha * op(a) op(b) + bias + addend, for
 * each batch, or what the epilogue makes of it. Products of 16-bit factors are exact and summed in float32.
 */
export const matmul: KernelDefinition<"matmul", MatmulAttributes> = {
  name: "matmul",
  operands(attributes) {
    const { layout, batch, m, n, k, bias, addend, epilogue, factors } =
      attributes;
    const quantized = quantizedFactor(attributes);
    if (factors !== undefined && quantized !== null) {
      throw new RangeError(`b is quantised: it is not stored in ${factors}`);
    }
    const stored = factors === undefined ? undefined : [factors];
    const product: Operand["shape"] = [batch, m, n];
    const factor: Operand = quantized === null
      ? {
        name: "b",
        shape: layout === "NT" ? [batch, n, k] : [batch, k, n],
        dtypes: stored ?? WEIGHTS,
        ...panelsOf(attributes),
      }
      : {
        name: "b",
        shape: [quantizedWords(quantized)],
        dtypes: INDEX,
        quantized,
      };
    const more = epilogueOperands(attributes);
    const mayShare = [
      ...(addend ? ["addend"] : []),
      ...more.filter((_, i) => epilogue?.inputs[i] === "matrix")
        .map(({ name }) => name),
    ];
    const outputs = epilogue === undefined
      ? ["out"]
      : epilogue.writes.map((_, o) => `output ${o}`);
    return {
      inputs: [
        {
          name: "a",
          shape: layout === "TN" ? [batch, k, m] : [batch, m, k],
          ...(stored === undefined ? {} : { dtypes: stored }),
        },
        factor,
        ...(bias ? [{ name: "bias", shape: [n] }] : []),
        ...(addend ? [{ name: "addend", shape: product }] : []),
        ...more,
      ],
      outputs: outputs.map((name) => ({ name, shape: product, mayShare })),
    };
  },
  operations: ({ batch, m, n, k }, size) => 2 * size(product([batch, m, n, k])),
};

/** Panels are read as b of NT alone, and where no backend has to choose another way to add up. */
function panelsOf(
  { layout, batch, n, k, exact, epilogue }: MatmulAttributes,
): Pick<Operand, "panels"> {
  const isMatrix = layout === "NT" && batch === 1 && typeof n === "number" &&
    typeof k === "number";
  if (!isMatrix || exact === true || epilogue !== undefined) return {};
  return { panels: { rows: n, columns: k } };
}

/** Inputs of the epilogue, which come after those of the product; input 0 is the product itself. */
function epilogueOperands(
  { batch, m, n, epilogue }: MatmulAttributes,
): Operand[] {
  if (epilogue === undefined) return [];
  const inputs: Access[] = ["matrix", ...epilogue.inputs];
  epilogue.writes.forEach((expression, o) =>
    checkExpression(
      expression,
      { inputs, values: new Set(), perElement: true },
      `output ${o}`,
    )
  );
  const space = { rows: product([batch, m]), columns: n };
  return accessOperands(inputs, epilogue.writes, space).slice(1);
}
