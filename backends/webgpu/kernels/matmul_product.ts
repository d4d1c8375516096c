/**
 * A matrix product as its generators see it.
 * @module
 */
import type {
  Dim,
  KernelAttributes,
  QuantizedShape,
  View,
} from "@denotune/denotune/core";
import type { Scope, TensorUse } from "../shader/dispatch.ts";
import { f32Text } from "../shader/numbers.ts";

/** Sizes, operands and epilogue of a product. */
export interface Product {
  readonly layout: KernelAttributes["matmul"]["layout"];
  readonly batch: Dim;
  readonly m: Dim;
  readonly n: Dim;
  readonly k: Dim;
  readonly alpha: number;
  readonly a: View;
  readonly b: View;
  /** What the words of b hold, where it is quantised. */
  readonly quantized: QuantizedShape | null;
  readonly bias: View | null;
  readonly addend: View | null;
  readonly out: View;
}

/** The operands as tensors of a dispatch. */
export function productTensors(
  { a, b, bias, addend, out, quantized }: Product,
  wide: { a: boolean; b: boolean; out: boolean },
): TensorUse[] {
  return [
    { name: "a", view: a, wide: wide.a },
    {
      name: "b",
      view: b,
      wide: wide.b,
      ...(quantized === null ? {} : { quantized }),
    },
    ...(bias === null ? [] : [{
      name: "bias",
      view: bias,
      wide: wide.out ? "together" as const : false,
    }]),
    ...(addend === null ? [] : [{
      name: "addend",
      view: addend,
      wide: wide.out ? "together" as const : false,
    }]),
    {
      name: "out",
      view: out,
      writes: true,
      wide: wide.out ? "together" : false,
    },
  ];
}

/** alpha * value + bias[column] + addend[at], one element or (`four`) a vec4 at indices of vec4s. */
export function epilogue(
  scope: Scope,
  { alpha, bias, addend }: Product,
  { value, column, at, four = false }: {
    value: string;
    column: string;
    at: string;
    four?: boolean;
  },
): string {
  const load = (name: string, i: string) =>
    four ? scope.tensor(name).loadWide(i) : scope.tensor(name).load(i);
  let text = alpha === 1 ? value : `${f32Text(alpha)} * ${value}`;
  if (bias !== null) text += ` + ${load("bias", column)}`;
  if (addend !== null) text += ` + ${load("addend", at)}`;
  return text;
}
