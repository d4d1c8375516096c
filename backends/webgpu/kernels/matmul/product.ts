/**
 * A matrix product as its generators see it.
 * @module
 */
import type {
  Dim,
  KernelAttributes,
  ProductEpilogue,
  QuantizedShape,
  View,
} from "@denotune/denotune/device";
import type { Scope, TensorUse } from "../../shader/dispatch.ts";
import { ExpressionWriter } from "../../shader/expression.ts";
import { each, f32Text } from "../../shader/numbers.ts";
import { leavesAt, loadOnce } from "../program_inputs.ts";

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
  /** The format of b's words, if b is quantised. */
  readonly quantized: QuantizedShape | null;
  readonly bias: View | null;
  readonly addend: View | null;
  /** The epilogue of each element, and its further inputs. */
  readonly epilogue:
    | (ProductEpilogue & { readonly views: readonly View[] })
    | null;
  /** Whether the epilogue is emitted once, in a loop over an invocation's elements, not once for each. */
  readonly folded: boolean;
  /**
   * How workgroup memory holds blocks of the factors. f16 takes half of the memory and of its bandwidth, and changes
   * no bit: factors stored in f16 are widened when they are multiplied.
   */
  readonly staged: "f32" | "f16";
  /** One, or those that the epilogue writes. */
  readonly outputs: readonly View[];
}

/** The name of a product's dispatch in profiles. */
export function productName(
  { layout, epilogue }: Product,
  how: string,
): string {
  return `matmul ${layout} ${how}${epilogue === null ? "" : " then f"}`;
}

/** The factors as tensors of a dispatch. */
export function factorTensors(
  { a, b, quantized }: Product,
  wide: { a: boolean; b: boolean },
): TensorUse[] {
  return [
    { name: "a", view: a, wide: wide.a },
    {
      name: "b",
      view: b,
      wide: wide.b,
      ...(quantized === null ? {} : { quantized }),
    },
  ];
}

/** Tensors that the end of a product reads and writes: `bias`, `addend`, `in1` ... and `out0` ... */
export function endTensors(
  { bias, addend, epilogue, outputs }: Product,
  { wide }: { wide: boolean },
): TensorUse[] {
  const together = wide ? "together" as const : false;
  const optional = (name: string, view: View | null): TensorUse[] =>
    view === null ? [] : [{ name, view, wide: together }];
  return [
    ...optional("bias", bias),
    ...optional("addend", addend),
    ...(epilogue?.views ?? []).map((view, i) => {
      const access = epilogue?.inputs[i];
      const along = access === "matrix" || access === "row";
      return { name: `in${i + 1}`, view, wide: along ? together : false };
    }),
    ...outputs.map((view, o) => ({
      name: `out${o}`,
      view,
      writes: true,
      wide: together,
    })),
  ];
}

/** The position of an element of a product; WGSL of type `u32`. */
export interface ProductPlace {
  /** Its value before alpha: `f32`, or `vec4<f32>` of four side by side. */
  readonly value: string;
  /** Row, counted over the batch. */
  readonly row: string;
  readonly column: string;
  /** Index in the result. */
  readonly at: string;
  /** Whether four are stored at once. */
  readonly four?: boolean;
}

/** Statements that store an element of a product, or the result of the epilogue. */
export function storeProduct(
  scope: Scope,
  product: Product,
  { value, row, column, at, four = false }: ProductPlace,
): string {
  const { alpha, bias, addend, epilogue } = product;
  const [c, i] = four ? [`(${column}) / 4u`, `(${at}) / 4u`] : [column, at];
  const load = (name: string, index: string) =>
    four ? scope.tensor(name).loadWide(index) : scope.tensor(name).load(index);
  const store = (output: number, text: string) =>
    four
      ? scope.tensor(`out${output}`).storeWide(i, text)
      : scope.tensor(`out${output}`).store(i, text);
  let text = alpha === 1 ? value : `${f32Text(alpha)} * ${value}`;
  if (bias !== null) text += ` + ${load("bias", c)}`;
  if (addend !== null) text += ` + ${load("addend", i)}`;
  if (epilogue === null) return store(0, text);
  const lines = [
    `let r = ${row};`,
    `let c = ${c};`,
    `let place = ${i};`,
    `let value = ${text};`,
  ];
  const results: string[][] = epilogue.writes.map(() => []);
  for (let j = 0; j < (four ? 4 : 1); j++) {
    const leaves = leavesAt(scope, ["matrix", ...epilogue.inputs], {
      element: four ? { wide: j } : "scalar",
      matrixIndex: "place",
      load: (what) => loadOnce(lines, what),
    });
    const own = four ? `value.${"xyzw"[j]}` : "value";
    const writer = new ExpressionWriter({
      ...leaves,
      input: (n, index) => n === 0 ? own : leaves.input(n, index),
    }, `e${j}_`);
    epilogue.writes.forEach((e, o) => results[o].push(writer.write(e)));
    lines.push(...writer.lines);
  }
  // All reads precede all writes, because an output may share the memory of an input.
  results.forEach((elements, o) =>
    lines.push(
      store(o, four ? `vec4<f32>(${elements.join(", ")})` : elements[0]),
    )
  );
  return `{\n${lines.join("\n")}\n}`;
}

/**
 * Statements for each of an invocation's sums `s_R_C`: one after the other, or `folded` in a loop over a copy of
 * them, so that a long epilogue is emitted once.
 */
export function storeEach(
  folded: boolean,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  store: (
    sum: { readonly value: string; readonly r: string; readonly c: string },
  ) => string,
): string {
  if (!folded) {
    return each(
      rows,
      (r) =>
        each(
          columns,
          (c) => store({ value: `s_${r}_${c}`, r: `${r}u`, c: `${c}u` }),
        ),
    );
  }
  return `var sums: array<f32, ${rows * columns}>;
${
    each(rows, (r) =>
      each(columns, (c) => `sums[${r * columns + c}] = s_${r}_${c};`))
  }
for (var q = 0u; q < ${rows * columns}u; q++) {
let ofRow = q / ${columns}u;
let ofColumn = q % ${columns}u;
${store({ value: "sums[q]", r: "ofRow", c: "ofColumn" })}
}`;
}
